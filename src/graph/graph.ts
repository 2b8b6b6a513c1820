/**
 * A graph of objects in plain JavaScript: what a heap is loaded with and then compared with. Flat arrays, no recursion,
 * and nothing of the heap's: this is the other side of every check.
 */

import { describeNode, type HeapSnapshot } from '../formats/heapsnapshot.js'
import { random } from '../random.js'

/** Nodes are numbers from 0, the root; so are edges, those of node 0 first. */
export interface Graph {
  /** Where it comes from, for messages and tables. */
  readonly name: string
  readonly nodeCount: number
  readonly edgeCount: number
  /** Edges of node `i` are `firstEdges[i]` to `firstEdges[i + 1] - 1`. */
  readonly firstEdges: Uint32Array
  /** By edge: the node that it leads to, and 1 where it does not keep that alive. */
  readonly targets: Uint32Array
  readonly weak: Uint8Array
  /** By node: bytes as recorded. */
  readonly sizes: Float64Array
  /** Sum of `sizes`. */
  readonly bytes: number
  /** A node for people. */
  describe(node: number): string
}

export function graphOf(snapshot: HeapSnapshot): Graph {
  const { name, nodeCount, edgeCount, firstEdges, edgeTypes, weakType, bytes } = snapshot
  return {
    name,
    nodeCount,
    edgeCount,
    firstEdges,
    targets: snapshot.edgeTargets,
    weak: edgeTypes.map((type) => (type === weakType ? 1 : 0)),
    sizes: snapshot.selfSizes,
    bytes,
    describe: (node) => describeNode(snapshot, node),
  }
}

/** References of a node's object: one for each of its edges. */
export function referencesOf({ firstEdges }: Graph, node: number): number {
  return (firstEdges[node + 1] as number) - (firstEdges[node] as number)
}

/** Most references that stand in front of an object's raw bytes; of a longer object they stand behind. */
export const REFERENCES_IN_FRONT_MAX = 65535
export const REFERENCE_BYTES = 4

/**
 * Bytes of a node's object beside its references: what is left of its recorded size. Where the references stand behind
 * them they are a multiple of four.
 */
export function rawBytesOf(graph: Graph, node: number): number {
  const references = referencesOf(graph, node)
  const bytes = Math.max(0, (graph.sizes[node] as number) - references * REFERENCE_BYTES)
  return references > REFERENCES_IN_FRONT_MAX ? Math.ceil(bytes / REFERENCE_BYTES) * REFERENCE_BYTES : bytes
}

export interface Reach {
  /** Nodes reached, the root among them. */
  readonly nodes: number
  /** Weak edges of these. */
  readonly weakEdges: number
}

/** What the root reaches by strong edges. Edges with a 1 in `dropped` are not there. */
export function reach(graph: Graph, dropped?: Uint8Array): Reach {
  const { firstEdges, targets, weak } = graph
  const reached = new Uint8Array(graph.nodeCount)
  const waiting = new Uint32Array(graph.nodeCount)
  let waits = 1
  let nodes = 1
  let weakEdges = 0
  reached[0] = 1
  while (waits > 0) {
    const node = waiting[--waits] as number
    const end = firstEdges[node + 1] as number
    for (let edge = firstEdges[node] as number; edge < end; edge++) {
      const target = targets[edge] as number
      if (dropped?.[edge] === 1) continue
      if (weak[edge] === 1) weakEdges++
      else if (reached[target] === 0) {
        reached[target] = 1
        waiting[waits++] = target
        nodes++
      }
    }
  }
  return { nodes, weakEdges }
}

export interface Drop {
  /** By edge: 1 when it is dropped. */
  readonly edges: Uint8Array
  readonly count: number
  /** The nodes whose edges were up for it: the root, and what its strong edges lead to. */
  readonly sources: readonly number[]
}

/** Drops each edge within two hops of the root, strong or weak, with probability 1/2. */
export function dropNearRoot(graph: Graph, seed: number): Drop {
  const { firstEdges, targets, weak } = graph
  const next = random(seed)
  const edges = new Uint8Array(graph.edgeCount)
  const sources = [0]
  const isSource = new Uint8Array(graph.nodeCount)
  isSource[0] = 1
  for (let edge = 0; edge < (firstEdges[1] as number); edge++) {
    const target = targets[edge] as number
    if (weak[edge] === 1 || isSource[target] === 1) continue
    isSource[target] = 1
    sources.push(target)
  }
  let count = 0
  for (const source of sources) {
    const end = firstEdges[source + 1] as number
    for (let edge = firstEdges[source] as number; edge < end; edge++) {
      if (next(2) === 0) continue
      edges[edge] = 1
      count++
    }
  }
  return { edges, count, sources }
}

/** Header of an object, and what its length is rounded up to. */
const HEADER_BYTES = 8
const GRAIN_BYTES = 16
const WEAK_REFERENCE_BYTES = 16

/** What the objects of a graph take in a heap, weak references and the table of the loading among them. */
export function heapBytesOf(graph: Graph): number {
  let bytes = graph.nodeCount * REFERENCE_BYTES
  for (let node = 0; node < graph.nodeCount; node++) {
    const payload = referencesOf(graph, node) * REFERENCE_BYTES + rawBytesOf(graph, node)
    bytes += Math.ceil((HEADER_BYTES + payload) / GRAIN_BYTES) * GRAIN_BYTES
  }
  for (const weak of graph.weak) bytes += weak * WEAK_REFERENCE_BYTES
  return bytes
}
