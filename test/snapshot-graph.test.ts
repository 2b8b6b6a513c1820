/**
 * Goal: what is said of a snapshot's graph is so: dominators, retained sizes, shortest paths, retainers, classes,
 * differences. Method: random graphs against the slowest way there is (take a node away and see what cannot be reached
 * any more), and small graphs whose answers are plain to see. A failure means that somebody who looks for a leak is
 * sent to the wrong object.
 */
import { describe, expect, it } from 'vitest'
import { type HeapSnapshot, readHeapSnapshot } from '../src/formats/heapsnapshot.js'
import { SnapshotGraph } from '../src/inspect/snapshot-graph.js'
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
