/**
 * Loads a graph into a heap: one object a node, one reference an edge. A weak edge is a reference to a weak reference
 * of its own. The rest of a node's recorded size is raw bytes with a pattern that only this node has.
 *
 * Any allocation may collect and move everything, so while it loads, a table of references to all objects is held by a
 * root, and nothing else is kept from one allocation to the next.
 */

import { formatCount } from '../formats/units.js'
import { type Graph, rawBytesOf, referencesOf } from './graph.js'
import { GraphError, type GraphHeap, type Root } from './graph-heap.js'

/** Nodes between two words about progress. */
const STEP = 1 << 14

/**
 * Gives the root that holds node 0's object. Throws `GraphError` when memory runs out; what was made is garbage then.
 */
export function loadGraph(graph: Graph, heap: GraphHeap, onProgress?: (share: number) => void): Root {
  const tableObject = heap.allocate(graph.nodeCount, 0)
  if (tableObject === 0) throw new GraphError('out of memory: no room for a table of all objects')
  const table = heap.addRoot(tableObject)
  const target = heap.addRoot(tableObject)
  try {
    for (let node = 0; node < graph.nodeCount; node++) {
      makeObject(graph, heap, table, node)
      if (node % STEP === 0) onProgress?.((node / graph.nodeCount) * 0.6)
    }
    for (let node = 0; node < graph.nodeCount; node++) {
      connect(graph, heap, table, target, node)
      if (node % STEP === 0) onProgress?.(0.6 + (node / graph.nodeCount) * 0.4)
    }
    return heap.addRoot(heap.reference(heap.rootObject(table), 0))
  } finally {
    heap.removeRoot(target)
    heap.removeRoot(table)
  }
}

function makeObject(graph: Graph, heap: GraphHeap, table: Root, node: number): void {
  const object = heap.allocate(referencesOf(graph, node), rawBytesOf(graph, node))
  if (object === 0) outOfMemory(graph, node)
  heap.setReference(heap.rootObject(table), node, object)
  heap.fillRawBytes(object, node)
}

function connect(graph: Graph, heap: GraphHeap, table: Root, target: Root, node: number): void {
  const first = graph.firstEdges[node] as number
  const end = graph.firstEdges[node + 1] as number
  let objects = heap.rootObject(table)
  let object = heap.reference(objects, node)
  for (let edge = first; edge < end; edge++) {
    let to = heap.reference(objects, graph.targets[edge] as number)
    if (graph.weak[edge] === 1) {
      heap.setRootObject(target, to)
      to = heap.allocateWeak(target)
      if (to === 0) outOfMemory(graph, graph.nodeCount)
      objects = heap.rootObject(table)
      object = heap.reference(objects, node)
    }
    heap.setReference(object, edge - first, to)
  }
}

function outOfMemory(graph: Graph, done: number): never {
  throw new GraphError(`out of memory with ${formatCount(done)} of ${formatCount(graph.nodeCount)} nodes in the heap`)
}
