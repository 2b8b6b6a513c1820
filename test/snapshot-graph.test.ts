/**
 * Goal: what is said of a snapshot's graph is so: dominators, retained sizes, shortest paths, retainers, classes,
 * differences. Method: random graphs against the slowest way there is (take a node away and see what cannot be reached
 * any more), and small graphs whose answers are plain to see. A failure means that somebody who looks for a leak is
 * sent to the wrong object.
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, Heap, type HeapSnapshot, i32, readHeapSnapshot, SnapshotGraph, struct } from '../src/index.js'
import { type SmallNode, snapshotDocument } from './graphs.js'
import { random } from './support/random.js'
import { randomSnapshot, reachedWithout, strongLists } from './support/snapshots.js'

const FIRST_SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
const SEEDS = Array.from({ length: 40 }, (_, i) => FIRST_SEED + i)

function small(nodes: readonly SmallNode[]): HeapSnapshot {
  return readHeapSnapshot(new TextEncoder().encode(JSON.stringify(snapshotDocument(nodes))), 'small')
}

/** By node, the nodes that every path to it goes through, and what it holds by itself. */
function naive(snapshot: HeapSnapshot) {
  const lists = strongLists(snapshot)
  const dominated = lists.map((_, node) => {
    const reached = reachedWithout(lists, node)
    return new Set([...lists.keys()].filter((other) => !reached.has(other)))
  })
  const dominators = lists.map((_, node) => {
    const above = [...lists.keys()].filter((other) => other !== node && dominated[other]?.has(node))
    // The nearest is the one that dominates the fewest.
    return node === 0 ? 0 : above.reduce((a, b) => ((dominated[b]?.size ?? 0) < (dominated[a]?.size ?? 0) ? b : a))
  })
  const retained = dominated.map((nodes) => [...nodes].reduce((sum, node) => sum + (snapshot.selfSizes[node] ?? 0), 0))
  return { dominators, retained }
}

describe('dominators and retained sizes', () => {
  it(`of random graphs are what taking nodes away shows, HEAPWRIGHT_SEED=${FIRST_SEED}`, () => {
    for (const seed of SEEDS) {
      const next = random(seed)
      const nodes = 1 + next(60)
      const snapshot = randomSnapshot(seed, nodes, next(nodes * 4))
      const graph = new SnapshotGraph(snapshot)
      const expected = naive(snapshot)
      expect([seed, ...graph.dominators()]).toEqual([seed, ...expected.dominators])
      expect([seed, ...graph.retainedSizes()]).toEqual([seed, ...expected.retained])
    }
  })

  it('of a chain of a million nodes take no stack', () => {
    const count = 1_000_000
    const snapshot = small([{ edges: [0] }])
    const chain: HeapSnapshot = {
      ...snapshot,
      nodeCount: count,
      edgeCount: count - 1,
      nodeTypes: new Uint8Array(count),
      nodeNames: new Uint32Array(count),
      nodeIds: undefined,
      selfSizes: new Float64Array(count).fill(1),
      firstEdges: Uint32Array.from({ length: count + 1 }, (_, node) => Math.min(node, count - 1)),
      edgeTypes: new Uint8Array(count - 1).fill(1),
      edgeNames: new Uint32Array(count - 1),
      edgeTargets: Uint32Array.from({ length: count - 1 }, (_, edge) => edge + 1),
    }
    const graph = new SnapshotGraph(chain)
    expect(graph.retainedSizes()[0]).toBe(count)
    expect(graph.dominators()[count - 1]).toBe(count - 2)
    expect(graph.pathToRoot(count - 1)).toHaveLength(count - 1)
  })
})

describe('paths and retainers', () => {
  it(`are shortest, and complete, HEAPWRIGHT_SEED=${FIRST_SEED}`, () => {
    for (const seed of SEEDS) {
      const next = random(seed)
      const nodes = 1 + next(60)
      const snapshot = randomSnapshot(seed, nodes, next(nodes * 4))
      const graph = new SnapshotGraph(snapshot)
      const steps = distances(snapshot)
      for (let node = 0; node < nodes; node++) {
        const path = graph.pathToRoot(node)
        expect([seed, node, path?.length]).toEqual([seed, node, steps.get(node)])
        expect(graph.isReachable(node)).toBe(steps.has(node))
        // Each edge begins where the one before it ended.
        path?.forEach((edge, i) => {
          const from = i === 0 ? 0 : (path[i - 1]?.node as number)
          expect(graph.edges(from)).toContainEqual(edge)
        })
        for (const edge of graph.edges(node)) {
          expect(graph.retainers(edge.node)).toContainEqual({ ...edge, node })
        }
      }
      const all = Array.from({ length: nodes }, (_, node) => graph.retainers(node).length)
      expect(all.reduce((sum, count) => sum + count, 0)).toBe(snapshot.edgeCount)
    }
  })
})

/** Steps from the root by strong edges, by node. */
function distances({ firstEdges, edgeTypes, edgeTargets, weakType }: HeapSnapshot): Map<number, number> {
  const steps = new Map([[0, 0]])
  for (const [node, step] of steps) {
    for (let edge = firstEdges[node] as number; edge < (firstEdges[node + 1] as number); edge++) {
      const to = edgeTargets[edge] as number
      if (edgeTypes[edge] !== weakType && !steps.has(to)) steps.set(to, step + 1)
    }
  }
  return steps
}

const NODES: readonly SmallNode[] = [
  { type: 'synthetic', edges: [1, 4] },
  { name: 'Tree', size: 10, edges: [2, 3] },
  { name: 'Tree', size: 20, edges: [3] },
  { name: 'leaf', type: 'string', size: 30 },
  { name: 'Other', size: 40, edges: [-6] },
  { name: 'Lost', size: 50 },
]

describe('classes', () => {
  it('count what hangs below another node of the class once', () => {
    expect(new SnapshotGraph(small(NODES)).histogram()).toEqual([
      { className: 'Lost', count: 1, selfBytes: 50, retainedBytes: 50 },
      { className: 'Other', count: 1, selfBytes: 40, retainedBytes: 40 },
      { className: '(string)', count: 1, selfBytes: 30, retainedBytes: 30 },
      { className: 'Tree', count: 2, selfBytes: 30, retainedBytes: 60 },
    ])
  })

  it('are what the nodes that retain most can be asked for by', () => {
    const graph = new SnapshotGraph(small(NODES))
    expect(graph.topRetained({ count: 2 }).map(({ node, retainedBytes }) => [node, retainedBytes])).toEqual([
      [1, 60],
      [5, 50],
    ])
    expect(graph.topRetained({ className: 'Tree' }).map(({ node }) => node)).toEqual([1, 2])
    expect(graph.topRetained({ className: 'tree' })).toEqual([])
    expect(graph.classOf(3)).toBe('(string)')
    expect(graph.describe(3)).toBe('string leaf (node 3)')
    expect(graph.nodeById(5)).toBe(2)
    expect(graph.nodeById(4)).toBeUndefined()
  })
})

describe('differences', () => {
  /** The same without the second tree, with another string in the place of the first, and two more. */
  const later = small([
    { type: 'synthetic', edges: [1, 4] },
    { name: 'Tree', size: 10, edges: [3] },
    { name: 'Bush', size: 20 },
    { name: 'text', type: 'string', size: 35 },
    { name: 'Other', size: 40, edges: [-6] },
    { name: 'Lost', size: 50 },
    { name: 'Tree', size: 1 },
    { name: 'Tree', size: 2 },
  ])

  it('by ids tell what is new from what is gone', () => {
    const diff = new SnapshotGraph(small(NODES)).diff(new SnapshotGraph(later))
    expect([diff.by, diff.bytesBefore, diff.bytesAfter]).toEqual(['ids', 150, 158])
    const figures = diff.rows.map((row) => [row.className, row.newCount, row.newBytes, row.goneCount, row.goneBytes])
    expect(figures).toEqual([
      ['Bush', 1, 20, 0, 0],
      ['(string)', 0, 0, 0, 0],
      ['Tree', 2, 3, 1, 20],
    ])
  })

  it('by types know by how much there are more', () => {
    const diff = new SnapshotGraph(small(NODES)).diff(new SnapshotGraph(later), { by: 'types' })
    const figures = diff.rows.map((row) => [row.className, row.newCount, row.newBytes, row.goneCount, row.goneBytes])
    expect(figures).toEqual([
      ['Bush', 1, 20, 0, 0],
      ['(string)', 0, 5, 0, 0],
      ['Tree', 1, 0, 0, 17],
    ])
  })

  it('of a heap whose objects stay where they are can go by ids', () => {
    const heap = Heap.create({ mode: 'manual' })
    const Node = struct('Node', { value: i32 })
    heap.scope()
    const roots = Array.from({ length: 10 }, () => heap.root(heap.new(Node)))
    const before = heap.snapshot().graph
    const scope = heap.scope()
    for (let i = 0; i < 4; i++) heap.root(heap.new(Node))
    scope[Symbol.dispose]()
    roots[0]?.dispose()
    const after = heap.snapshot().graph
    const row = (by?: 'ids') =>
      before.diff(after, by === undefined ? {} : { by }).rows.find(({ className }) => className === 'Node')
    expect(row()).toMatchObject({ newCount: 4, goneCount: 0 })
    expect(row('ids')).toMatchObject({ newCount: 4, goneCount: 0 })
    expect(before.diff(before, { by: 'ids' }).rows).toEqual([])
    heap.close()
  })
})

describe('what cannot be asked', () => {
  const graph = new SnapshotGraph(small(NODES))
  it.each([
    ['a node that is not there', () => graph.node(6)],
    ['a node below 0', () => graph.edges(-1)],
    ['a node that is no number', () => graph.pathToRoot('1' as unknown as number)],
    ['the retainers of none', () => graph.retainers(1.5)],
    ['no nodes at all', () => graph.topRetained({ count: 0 })],
    ['nodes of a class that is no name', () => graph.topRetained({ className: 5 as unknown as string })],
    ['an option that is not there', () => graph.topRetained({ type: 'Tree' } as object)],
    ['a difference to no graph', () => graph.diff(graph.snapshot as unknown as SnapshotGraph)],
    ['a difference by names', () => graph.diff(graph, { by: 'names' as 'ids' })],
    [
      'ids where there are none',
      () => graph.diff(new SnapshotGraph({ ...graph.snapshot, nodeIds: undefined }), { by: 'ids' }),
    ],
  ])('%s is refused', (_, ask) => {
    expect(ask).toThrow(ArgumentError)
  })
})
