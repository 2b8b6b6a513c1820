/**
 * Runs a graph on a heap: loads it, collects, drops a part near the root, collects, compacts; and compares the heap
 * with the graph after each. The result is the row of `heapwright graph --json` (docs/design.md).
 */

import type { ModeName } from '../types.js'
import { compareGraph } from './compare.js'
import { type Drop, dropNearRoot, type Graph, type Reach, reach } from './graph.js'
import type { Census, GraphHeap, Reference, Root } from './graph-heap.js'
import { loadGraph } from './load.js'

export interface GraphResult {
  readonly graph: string
  readonly mode: ModeName
  /** Of the file. */
  readonly nodes: number
  readonly edges: number
  /** Recorded sizes of all nodes. */
  readonly bytes: number
  readonly loadSeconds: number
  /** The first full collection after loading, and the median of those that follow at once. */
  readonly collectMs: { readonly first: number; readonly median: number }
  /** Nodes that strong edges reach from the root, counted over the file. */
  readonly reachable: number
  /** Objects that the heap found alive, weak references not counted. */
  readonly liveAfter: number
  /** Edges dropped. */
  readonly dropped: number
  readonly liveAfterDrop: number
  readonly reachableAfterDrop: number
  readonly compact: {
    /** Objects. */
    readonly moved: number
    readonly ms: number
    readonly committedBefore: number
    readonly committedAfter: number
  }
  /** The heap held exactly the graph: after the collections, after the drop, and after the compaction. */
  readonly isomorphic: boolean
  /** The heap's invariants held each time. */
  readonly verified: boolean
}

export interface GraphRun {
  readonly result: GraphResult
  /** What did not hold; empty when all did. */
  readonly faults: readonly string[]
}

export interface GraphRunOptions {
  readonly mode: ModeName
  /** Which edges are dropped. */
  readonly seed: number
  /** Full collections after the first, for the median. At least 1. */
  readonly collections: number
  /** Called now and then with the share done, 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined
}

/**
 * Runs `graph` on an empty `heap`. Throws `GraphError` when the graph does not fit into it, and the heap's own errors.
 */
export function runGraph(graph: Graph, heap: GraphHeap, options: GraphRunOptions): GraphRun {
  const { mode, seed, collections, onProgress } = options
  const checks = new Checks(graph, heap)
  const [root, loadMs] = timed(() => loadGraph(graph, heap, onProgress && ((share) => onProgress(share * 0.4))))

  const [, firstMs] = timed(() => heap.collect())
  const times = Array.from({ length: Math.max(1, collections) }, () => timed(() => heap.collect())[1])
  onProgress?.(0.5)
  const reachable = reach(graph)
  const liveAfter = checks.run('after the first collections', root, reachable)
  onProgress?.(0.6)

  const drop = dropNearRoot(graph, seed)
  dropReferences(graph, heap, root, drop)
  heap.collect()
  onProgress?.(0.7)
  const reachableAfterDrop = reach(graph, drop.edges)
  const liveAfterDrop = checks.run('after the drop', root, reachableAfterDrop, drop.edges)
  onProgress?.(0.8)

  const committedBefore = heap.committedBytes()
  const [moved, compactMs] = timed(() => heap.compact())
  const committedAfter = heap.committedBytes()
  onProgress?.(0.9)
  checks.run('after the compaction', root, reachableAfterDrop, drop.edges)
  heap.removeRoot(root)
  return {
    result: {
      graph: graph.name,
      mode,
      nodes: graph.nodeCount,
      edges: graph.edgeCount,
      bytes: graph.bytes,
      loadSeconds: loadMs / 1000,
      collectMs: { first: firstMs, median: median(times) },
      reachable: reachable.nodes,
      liveAfter,
      dropped: drop.count,
      liveAfterDrop,
      reachableAfterDrop: reachableAfterDrop.nodes,
      compact: { moved, ms: compactMs, committedBefore, committedAfter },
      isomorphic: checks.isomorphic,
      verified: checks.verified,
    },
    faults: checks.faults,
  }
}

/** Nulls the references that are dropped. Their objects are few and near: the root's, and those it refers to. */
function dropReferences(graph: Graph, heap: GraphHeap, root: Root, { edges, sources }: Drop): void {
  const { firstEdges, targets, weak } = graph
  const rootObject = heap.rootObject(root)
  const objects = new Map<number, Reference>()
  for (let edge = 0; edge < (firstEdges[1] as number); edge++) {
    if (weak[edge] === 0) objects.set(targets[edge] as number, heap.reference(rootObject, edge))
  }
  objects.set(0, rootObject)
  for (const source of sources) {
    const object = objects.get(source) ?? 0
    // What is not there was told by the comparison before.
    if (!heap.isObject(object)) continue
    const first = firstEdges[source] as number
    const count = Math.min((firstEdges[source + 1] as number) - first, heap.referenceCount(object))
    for (let i = 0; i < count; i++) if (edges[first + i] === 1) heap.setReference(object, i, 0)
  }
}

/** The checks after each step, and what they found. */
class Checks {
  readonly #graph: Graph
  readonly #heap: GraphHeap
  readonly faults: string[] = []
  isomorphic = true
  verified = true

  constructor(graph: Graph, heap: GraphHeap) {
    this.#graph = graph
    this.#heap = heap
  }

  /** Right after a collection. Gives the number of live objects. */
  run(when: string, root: Root, reachable: Reach, dropped?: Uint8Array): number {
    const fault = this.#heap.verify()
    if (fault !== undefined) this.#refute(`${when}: the heap is broken: ${fault}`)
    const census = this.#heap.census()
    const found = census.objects + census.weakReferences
    if (census.counted !== found) {
      this.#refute(`${when}: the collector counted ${census.counted} live objects, but ${found} are there`)
    }
    const differences = compareGraph(this.#graph, dropped, this.#heap, root)
    differences.push(...compareCensus(census, reachable))
    if (differences.length > 0) this.isomorphic = false
    for (const difference of differences) this.faults.push(`${when}: ${difference}`)
    return census.objects
  }

  #refute(fault: string): void {
    this.verified = false
    this.faults.push(fault)
  }
}

/** What is in the heap beyond the graph, or missing. */
function compareCensus({ objects, weakReferences }: Census, { nodes, weakEdges }: Reach): string[] {
  if (objects !== nodes) return [`${objects} objects are live, but ${nodes} nodes are reachable`]
  if (weakReferences !== weakEdges) return [`${weakReferences} weak references are live instead of ${weakEdges}`]
  return []
}

function timed<T>(work: () => T): [result: T, ms: number] {
  const start = performance.now()
  const result = work()
  return [result, performance.now() - start]
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}
