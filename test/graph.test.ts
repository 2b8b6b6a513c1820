/**
 * Goal: `heapwright graph` calls a heap right only when it holds exactly the graph. Method: the run and its parts on a
 * plain heap that moves everything at each collection (`support/plain-graph-heap.ts`): recorded and random graphs must
 * come out isomorphic, and each kind of damage must be named. What is reachable is counted a second time, over sets. A
 * failure means that a collector that loses, keeps or garbles something would pass, or that a sound one would not.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readHeapSnapshot } from '../src/formats/heapsnapshot.js'
import { compareGraph, DIFFERENCES_MAX } from '../src/graph/compare.js'
import { dropNearRoot, type Graph, graphOf, REFERENCES_IN_FRONT_MAX, rawBytesOf, reach } from '../src/graph/graph.js'
import { GraphError, type Root } from '../src/graph/graph-heap.js'
import { loadGraph } from '../src/graph/load.js'
import { type ObjectCalls, ObjectGraphHeap } from '../src/graph/object-heap.js'
import { runGraph } from '../src/graph/run.js'
import { Heap } from '../src/index.js'
import { graphPath, readGraph, type SmallNode, snapshotDocument } from './graphs.js'
import { PlainGraphHeap, type PlainObject } from './support/plain-graph-heap.js'

const OPTIONS = { mode: 'manual', seed: 1, collections: 2 } as const

function graphFrom(nodes: readonly SmallNode[]): Graph {
  const text = JSON.stringify(snapshotDocument(nodes))
  return graphOf(readHeapSnapshot(new TextEncoder().encode(text), 'test'))
}

/** Node 4 is held weakly alone, node 5 by nothing; 1, 2 and 3 form a cycle. */
const SMALL: readonly SmallNode[] = [
  { type: 'synthetic', edges: [1, 2, -2] },
  { name: 'a', size: 40, edges: [2, -5, 3] },
  { name: 'b', size: 33, edges: [3, 3] },
  { name: 'c', size: 2, edges: [1, -3] },
  { name: 'd', size: 16, edges: [3] },
  { name: 'e', size: 16, edges: [1] },
]

const graphs = fc.integer({ min: 1, max: 40 }).chain((count) =>
  fc.array(
    fc.record({
      size: fc.nat(70),
      edges: fc.array(fc.integer({ min: -Math.ceil(count / 3), max: count - 1 }), { maxLength: 5 }),
    }),
    { minLength: count, maxLength: count },
  ),
)

/** By sets, edge by edge, until nothing changes. */
function reachableBySets({ firstEdges, targets, weak, nodeCount }: Graph, dropped?: Uint8Array): Set<number> {
  const reached = new Set([0])
  for (let before = 0; before < reached.size; ) {
    before = reached.size
    for (let node = 0; node < nodeCount; node++) {
      if (!reached.has(node)) continue
      for (let edge = firstEdges[node] as number; edge < (firstEdges[node + 1] as number); edge++) {
        if (weak[edge] === 0 && dropped?.[edge] !== 1) reached.add(targets[edge] as number)
      }
    }
  }
  return reached
}

describe('a plain graph', () => {
  it('has sizes, and edges strong and weak', () => {
    const graph = graphFrom(SMALL)
    expect(graph).toMatchObject({ name: 'test', nodeCount: 6, edgeCount: 12, bytes: 107 })
    expect([...graph.weak]).toEqual([0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0])
    expect(Array.from({ length: 6 }, (_, node) => rawBytesOf(graph, node))).toEqual([0, 28, 25, 0, 12, 12])
    expect(reach(graph)).toEqual({ nodes: 4, weakEdges: 3 })
    expect(graph.describe(1)).toBe('object a (node 1)')
  })

  it('reaches what sets reach, also without the dropped edges', () => {
    fc.assert(
      fc.property(graphs, fc.nat(), (nodes, seed) => {
        const graph = graphFrom(nodes)
        const { edges } = dropNearRoot(graph, seed)
        expect(reach(graph).nodes).toBe(reachableBySets(graph).size)
        expect(reach(graph, edges).nodes).toBe(reachableBySets(graph, edges).size)
      }),
    )
  })

  it('drops half of the edges of the root and of what it refers to, the same for a seed', () => {
    // The root's 100 edges lead to 50 nodes, each with 20 edges; theirs, two hops away, stay.
    const wide = Array.from({ length: 100 }, (_, i) => (i % 50) + 1)
    const deep = Array.from({ length: 20 }, (_, i) => 51 + i)
    const nodes = Array.from({ length: 71 }, (_, i) => ({ edges: i === 0 ? wide : i <= 50 ? deep : [0, 0] }))
    const graph = graphFrom(nodes)
    const near = 100 + 50 * 20
    for (const seed of [1, 2, 3]) {
      const { edges, count, sources } = dropNearRoot(graph, seed)
      expect(sources.length).toBe(51)
      expect(count).toBe(edges.reduce((sum, dropped) => sum + dropped, 0))
      expect(edges.subarray(near).every((dropped) => dropped === 0)).toBe(true)
      expect(count).toBeGreaterThan(near * 0.44)
      expect(count).toBeLessThan(near * 0.56)
      expect(dropNearRoot(graph, seed)).toEqual({ edges, count, sources })
    }
    expect(dropNearRoot(graph, 1).edges).not.toEqual(dropNearRoot(graph, 2).edges)
  })
})

describe('a run on a sound heap', () => {
  it('gives exactly the promised fields', () => {
    const { result, faults } = runGraph(graphFrom(SMALL), new PlainGraphHeap(), OPTIONS)
    expect(faults).toEqual([])
    expect(Object.keys(result)).toEqual(
      'graph mode nodes edges bytes loadSeconds collectMs reachable liveAfter dropped liveAfterDrop reachableAfterDrop compact isomorphic verified'.split(
        ' ',
      ),
    )
    expect(Object.keys(result.collectMs)).toEqual(['first', 'median'])
    expect(Object.keys(result.compact)).toEqual(['moved', 'ms', 'committedBefore', 'committedAfter'])
    expect(result).toMatchObject({ graph: 'test', mode: 'manual', nodes: 6, edges: 12, bytes: 107 })
    expect(result).toMatchObject({ reachable: 4, liveAfter: 4, isomorphic: true, verified: true })
  })

  it('finds a recorded graph isomorphic', { timeout: 60_000 }, async () => {
    const graph = graphOf(await readGraph(graphPath('node-startup')))
    const shares: number[] = []
    const { result, faults } = runGraph(graph, new PlainGraphHeap(), {
      ...OPTIONS,
      onProgress: (share) => shares.push(share),
    })
    expect(faults).toEqual([])
    expect(result).toMatchObject({ isomorphic: true, verified: true, reachable: 39_021, liveAfter: 39_021 })
    expect(result.liveAfterDrop).toBe(result.reachableAfterDrop)
    expect(result.reachableAfterDrop).toBeLessThan(result.reachable)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBeLessThanOrEqual(1)
  })

  it('finds random graphs isomorphic', () => {
    fc.assert(
      fc.property(graphs, fc.nat(), (nodes, seed) => {
        const heap = new PlainGraphHeap()
        const { result, faults } = runGraph(graphFrom(nodes), heap, { ...OPTIONS, seed })
        expect(faults).toEqual([])
        expect(result.liveAfter).toBe(result.reachable)
        expect(result.liveAfterDrop).toBe(result.reachableAfterDrop)
        expect(heap.collections).toBeGreaterThanOrEqual(5)
        heap.collect()
        expect(heap.objects.size).toBe(0)
      }),
    )
  })

  it('takes a node with more references than a type can have in front', () => {
    const edges = Array.from({ length: REFERENCES_IN_FRONT_MAX + 1 }, (_, i) => i % 2)
    const graph = graphFrom([{ size: edges.length * 4 + 5, edges }, { size: 3 }])
    expect([rawBytesOf(graph, 0), rawBytesOf(graph, 1)]).toEqual([8, 3])
    expect(runGraph(graph, new PlainGraphHeap(), OPTIONS).faults).toEqual([])
  })
})

describe('running out of memory', () => {
  it.each([0, 1, 6, 7, 9])('at allocation %i ends the run and leaves no root', (allocations) => {
    const heap = new PlainGraphHeap()
    heap.allocationsLeft = allocations
    expect(() => runGraph(graphFrom(SMALL), heap, OPTIONS)).toThrow(GraphError)
    expect(heap.roots.every((reference) => reference === 0)).toBe(true)
  })
})

// ---- damage ---------------------------------------------------------------------------------------------------------

/** The heap with `SMALL` in it, right after a collection, and what helps to spoil it. */
function loaded(nodes = SMALL): { graph: Graph; heap: PlainGraphHeap; root: Root; at: (...path: number[]) => number } {
  const graph = graphFrom(nodes)
  const heap = new PlainGraphHeap()
  const root = loadGraph(graph, heap)
  heap.collect()
  expect(compareGraph(graph, undefined, heap, root)).toEqual([])
  const at = (...path: number[]) => path.reduce((object, index) => heap.reference(object, index), heap.rootObject(root))
  return { graph, heap, root, at }
}

type Spoil = (heap: PlainGraphHeap, at: (...path: number[]) => number) => void

describe('a difference', () => {
  it.each<[string, string | RegExp, Spoil]>([
    [
      'a swapped edge',
      'object a (node 1): reference 0 does not lead to object b (node 2) as others do',
      (heap, at) => {
        heap.get(at(0)).references.reverse()
      },
    ],
    [
      'two objects for one node',
      'object b (node 2): reference 1 does not lead to object c (node 3)',
      (heap, at) => {
        const copy = heap.add({ ...heap.get(at(1, 1)) })
        heap.setReference(at(1), 1, copy)
      },
    ],
    [
      'a reference to null',
      'object b (node 2): reference 0 is null instead of leading to object c (node 3)',
      (heap, at) => {
        heap.setReference(at(1), 0, 0)
      },
    ],
    [
      'a missing object',
      /^object a \(node 1\): at 0x[\da-f]+ there is no object$/,
      (heap, at) => {
        heap.objects.delete(at(0))
      },
    ],
    [
      'a reference that is none',
      'object c (node 3): at 0x3 there is no object',
      (heap, at) => {
        for (const index of [0, 1]) heap.get(at(1)).references[index] = 3
        heap.get(at(0)).references[2] = 3
      },
    ],
    [
      'a weak reference in place of an object',
      'there is no object',
      (heap, at) => {
        heap.setReference(at(), 0, at(2))
      },
    ],
    [
      'a reference too few',
      'object b (node 2): it has 1 references instead of 2',
      (heap, at) => {
        heap.get(at(1)).references.pop()
      },
    ],
    [
      'a wrong size',
      'object b (node 2): it has 26 bytes beside its references instead of 25',
      (heap, at) => {
        heap.get(at(1)).rawBytes++
      },
    ],
    [
      'a byte changed',
      'object a (node 1): byte 8 of it is not what was written',
      (heap, at) => {
        heap.get(at(0)).raw[2] = 0
      },
    ],
    [
      'the last byte changed',
      'object b (node 2): byte 24 of it is not what was written',
      (heap, at) => {
        const { raw } = heap.get(at(1)) as PlainObject
        raw[6] = (raw[6] as number) ^ 0x80
      },
    ],
    [
      'bytes of another object',
      /is not what was written/,
      (heap, at) => {
        heap.get(at(0)).raw = heap.get(at(1)).raw
      },
    ],
    [
      'a weak reference not cleared',
      'object a (node 1): its weak reference 1 still refers to object d (node 4)',
      (heap, at) => {
        heap.get(at(0, 1)).target = heap.add({ references: [at(1, 0)], raw: new Uint32Array(3), rawBytes: 12 })
      },
    ],
    [
      'a weak reference cleared',
      'synthetic (node 0): its weak reference 2 was cleared though object a (node 1) is alive',
      (heap, at) => {
        heap.get(at(2)).target = 0
      },
    ],
    [
      'a weak reference to another object',
      /its weak reference 1 refers to 0x[\da-f]+ instead of object b/,
      (heap, at) => {
        heap.get(at(1, 0, 1)).target = at(0)
      },
    ],
    [
      'an object in place of a weak reference',
      'synthetic (node 0): reference 2 leads to no weak reference',
      (heap, at) => {
        heap.setReference(at(), 2, at(0))
      },
    ],
    [
      'a weak reference for two edges',
      /^the object at 0x[\da-f]+ stands for several weak edges$/,
      (heap, at) => {
        heap.get(at(0, 1)).target = 0
        heap.get(at(2)).target = 0
        heap.setReference(at(), 2, at(0, 1))
      },
    ],
  ])('%s is named', (what, words, spoil) => {
    // Two weak edges to the same dead node for the last case, else they would differ before they are found to be one.
    const nodes = what.endsWith('two edges') ? SMALL.map((node, i) => (i === 0 ? { edges: [1, 2, -5] } : node)) : SMALL
    const { graph, heap, root, at } = loaded(nodes)
    spoil(heap, at)
    const differences = compareGraph(graph, undefined, heap, root)
    expect(differences.length).toBeGreaterThan(0)
    expect(differences.join('\n')).toMatch(words)
  })

  it('one object for two nodes that look alike is named', () => {
    const { graph, heap, root, at } = loaded([{ edges: [1, 2] }, { name: 'x' }, { name: 'y' }])
    heap.setReference(at(), 1, at(0))
    expect(compareGraph(graph, undefined, heap, root)).toEqual([
      expect.stringMatching(/^the object at 0x[\da-f]+ stands for object x \(node 1\) and object y \(node 2\)$/),
    ])
  })

  it('a dropped edge that is still there is named', () => {
    const { graph, heap, root } = loaded()
    const dropped = new Uint8Array(graph.edgeCount)
    dropped[1] = 1
    expect(compareGraph(graph, dropped, heap, root)[0]).toMatch(/^synthetic \(node 0\): reference 1 was dropped but /)
  })

  it('a root that is null is named', () => {
    const { graph, heap, root } = loaded()
    heap.setRootObject(root, 0)
    expect(compareGraph(graph, undefined, heap, root)).toEqual(['the root is null'])
  })

  it('is one of so many at most', () => {
    const { graph, heap, root } = loaded(
      Array.from({ length: 100 }, (_, i) => ({ size: 16, edges: i < 99 ? [i + 1] : [] })),
    )
    for (const object of heap.objects.values()) object.raw.fill(0)
    expect(compareGraph(graph, undefined, heap, root).length).toBe(DIFFERENCES_MAX)
  })
})

describe('a run on a heap that is not sound', () => {
  it('that keeps an object too many is not isomorphic', () => {
    const heap = new PlainGraphHeap()
    heap.addRoot(heap.allocate(0, 8))
    const { result, faults } = runGraph(graphFrom(SMALL), heap, OPTIONS)
    expect(result).toMatchObject({ reachable: 4, liveAfter: 5, isomorphic: false, verified: true })
    expect(faults[0]).toBe('after the first collections: 5 objects are live, but 4 nodes are reachable')
    expect(faults.length).toBe(3)
  })

  it('that keeps a weak reference too many is not isomorphic', () => {
    const heap = new PlainGraphHeap()
    heap.addRoot(heap.allocateWeak(heap.addRoot(0)))
    const { result, faults } = runGraph(graphFrom(SMALL), heap, OPTIONS)
    expect(result).toMatchObject({ reachable: 4, liveAfter: 4, isomorphic: false })
    expect(faults[0]).toBe('after the first collections: 4 weak references are live instead of 3')
  })

  it('that says so itself is not verified', () => {
    const heap = new PlainGraphHeap()
    heap.fault = 'two free runs touch'
    const { result, faults } = runGraph(graphFrom(SMALL), heap, OPTIONS)
    expect(result).toMatchObject({ isomorphic: true, verified: false })
    expect(faults[0]).toBe('after the first collections: the heap is broken: two free runs touch')
  })

  it('that miscounts is not verified', () => {
    const heap = new PlainGraphHeap()
    heap.miscounted = 1
    const { result, faults } = runGraph(graphFrom(SMALL), heap, OPTIONS)
    expect(result).toMatchObject({ isomorphic: true, verified: false })
    expect(faults[0]).toBe('after the first collections: the collector counted 8 live objects, but 7 are there')
  })

  it('that loses objects ends in words, not in a crash', () => {
    class Losing extends PlainGraphHeap {
      override collect(): void {
        super.collect()
        const [, lost] = [...this.objects.keys()]
        if (this.collections > 6 && lost !== undefined) this.objects.delete(lost)
      }
    }
    const nodes = Array.from({ length: 12 }, (_, i) => ({ edges: [(i + 1) % 12, (i * 5) % 12] }))
    let result: ReturnType<typeof runGraph> | undefined
    try {
      result = runGraph(graphFrom(nodes), new Losing(), OPTIONS)
    } catch (error) {
      // The plain heap itself stumbles over what it lost, at the next collection.
      expect(String(error)).toContain('is no object')
    }
    expect(result?.result.isomorphic ?? false).toBe(false)
  })

  it('that garbles objects when it compacts is not isomorphic', () => {
    class Garbling extends PlainGraphHeap {
      override compact(): number {
        const moved = super.compact()
        for (const object of this.objects.values()) object.raw.fill(1)
        return moved
      }
    }
    const nodes = Array.from({ length: 30 }, (_, i) => ({ size: 64, edges: [(i + 1) % 30, 0] }))
    const { result, faults } = runGraph(graphFrom(nodes), new Garbling(), OPTIONS)
    expect(result).toMatchObject({ isomorphic: false, verified: true })
    expect(faults[0]).toMatch(/^after the compaction: object \(node \d+\): byte 0 of it is not what was written$/)
  })
})

describe('a graph over the objects of a heap', () => {
  it('reads on when the memory grows while a weak target is asked for', () => {
    const heap = Heap.create({ mode: 'server', limit: '8MiB', initial: 0 })
    const raw: ObjectCalls = new Proxy(heap.raw, {
      get(calls, name) {
        if (name !== 'weakRefGet') return Reflect.get(calls, name)
        return (reference: number) => {
          const target = calls.weakRefGet(reference)
          heap.memory.grow(1)
          return target
        }
      },
    })
    const objects = new ObjectGraphHeap({
      raw,
      base: heap.base,
      stats: () => heap.stats(),
      verify: () => heap.verify(),
    })
    const root = objects.addRoot(objects.allocate(2, 8))
    const weak = objects.allocateWeak(root)
    const target = objects.weakTarget(weak)
    expect(target).toBe(objects.rootObject(root))
    expect([objects.referenceCount(target), objects.rawBytes(target)]).toEqual([2, 8])
  })
})
