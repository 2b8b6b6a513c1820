/**
 * Goal: what was loaded into a heap from a recorded program is what a snapshot of that heap shows: the same nodes with
 * their sizes, the same edges, weak ones as weak. Method: a `.heapsnapshot` file of V8's is loaded (`src/graph/`), the
 * heap's own snapshot is written and read back, and the two graphs are walked side by side from their roots. A failure
 * means that a snapshot loses or invents something.
 */
import { describe, expect, it } from 'vitest'
import { ROOT_STRONG, SHAPE_PREFIX, TRAIL_BYTES } from '../kernel/object-layout.js'
import { COUNTED_HEADER_BYTES } from '../kernel/value-layout.js'
import type { HeapCore } from '../src/core.js'
import { graphOf } from '../src/graph/graph.js'
import { loadGraph } from '../src/graph/load.js'
import { ObjectGraphHeap } from '../src/graph/object-heap.js'
import { Heap, type HeapOptions, type HeapSnapshot, HeapSnapshotReader, SnapshotGraph } from '../src/index.js'
import { graphPath, readGraph } from './graphs.js'

const HEADER_BYTES = 8

interface Loaded {
  readonly heap: Heap
  readonly snapshot: HeapSnapshot
  /** Node of the snapshot that is the file's root. */
  readonly root: number
}

function load(file: HeapSnapshot, options: HeapOptions): Loaded {
  const heap = Heap.create(options)
  const root = options.mode === 'manual' ? loadCounted(file, heap) : loadTraced(file, heap)
  const taken = heap.snapshot()
  expect(taken.bytes).toBe(heap.stats().committedBytes)
  const reader = new HeapSnapshotReader('own')
  for (const piece of taken.write()) reader.push(new TextEncoder().encode(piece))
  const snapshot = reader.finish()
  return { heap, snapshot, root: new SnapshotGraph(snapshot).nodeById(root() + 1) as number }
}

/** What gives the address of the file's root. */
function loadTraced(file: HeapSnapshot, heap: Heap): () => number {
  const objects = new ObjectGraphHeap(heap)
  const root = loadGraph(graphOf(file), objects)
  return () => objects.rootObject(root)
}

/** The same with counted objects, which do not move; where the file has a weak edge nothing is stored. */
function loadCounted(file: HeapSnapshot, heap: Heap): () => number {
  const { core } = heap as unknown as { readonly core: HeapCore }
  const { kernel } = core.objects
  const types = new Map<number, number>()
  const objects = Array.from({ length: file.nodeCount }, (_, node) => {
    const references = (file.firstEdges[node + 1] as number) - (file.firstEdges[node] as number)
    const add = () => kernel.typeAdd(0, 0, SHAPE_PREFIX, TRAIL_BYTES, references, 4 * references, 0, 1, 0)
    const type = types.get(references) ?? add()
    types.set(references, type)
    const slot = kernel.objectPush(type, Math.max(file.selfSizes[node] as number, 4 * references))
    core.views.refresh()
    return core.views.u32[slot >>> 2] as number
  })
  for (const [node, object] of objects.entries()) {
    const first = file.firstEdges[node] as number
    for (let edge = first; edge < (file.firstEdges[node + 1] as number); edge++) {
      if (file.edgeTypes[edge] === file.weakType) continue
      kernel.storeReference(object, object + 4 * (edge - first), objects[file.edgeTargets[edge] as number] as number)
    }
  }
  kernel.rootAdd(ROOT_STRONG, objects[0] as number)
  kernel.handlePop(0)
  return () => objects[0] as number
}

/**
 * What an object takes that is recorded with a size: at least its references, with a header, to the grain; a counted
 * one the block that such a request gets.
 */
function bytesInHeap(file: HeapSnapshot, node: number, { heap, grainBytes }: Loaded & Setup): number {
  const references = (file.firstEdges[node + 1] as number) - (file.firstEdges[node] as number)
  const payloadBytes = Math.max(file.selfSizes[node] as number, references * 4)
  if (heap.mode !== 'manual') return Math.ceil((payloadBytes + HEADER_BYTES) / grainBytes) * grainBytes
  const block = heap.alloc(payloadBytes + COUNTED_HEADER_BYTES)
  const bytes = heap.usableSize(block)
  heap.free(block)
  return bytes
}

/** Walk both graphs from their roots; what is not the same. Weak edges lead through a weak reference in the heap. */
function compare(file: HeapSnapshot, loaded: Loaded & Setup) {
  const { heap, snapshot, root } = loaded
  const differences: string[] = []
  const twin = new Int32Array(file.nodeCount).fill(-1)
  const isTwin = new Uint8Array(snapshot.nodeCount)
  const queue = [0]
  twin[0] = root
  isTwin[root] = 1
  let edges = 0
  let weakEdges = 0
  for (const node of queue) {
    const own = twin[node] as number
    const bytes = bytesInHeap(file, node, loaded)
    if (snapshot.selfSizes[own] !== bytes)
      differences.push(`node ${node}: ${snapshot.selfSizes[own]} bytes, not ${bytes}`)
    let at = snapshot.firstEdges[own] as number
    for (let edge = file.firstEdges[node] as number; edge < (file.firstEdges[node + 1] as number); edge++) {
      const isWeak = file.edgeTypes[edge] === file.weakType
      if (isWeak) weakEdges++
      else edges++
      if (isWeak && heap.mode === 'manual') continue
      if (at >= (snapshot.firstEdges[own + 1] as number)) differences.push(`node ${node}: edge ${edge} is missing`)
      const target = snapshot.edgeTargets[at++] as number
      const to = file.edgeTargets[edge] as number
      if (isWeak) {
        // What leads to a node that nothing else keeps leads nowhere after the collection.
        const meant = onlyWeakTarget(snapshot, target)
        if (twin[to] !== -1 && meant !== -1 && twin[to] !== meant) differences.push(`weak edge ${edge}`)
      } else if (twin[to] === -1 && isTwin[target] === 0) {
        twin[to] = target
        isTwin[target] = 1
        queue.push(to)
      } else if (twin[to] !== target) differences.push(`edge ${edge} leads elsewhere`)
    }
    if (at !== snapshot.firstEdges[own + 1]) differences.push(`node ${node}: has more edges`)
    if (differences.length > 10) break
  }
  return { differences, nodes: queue.length, edges, weakEdges }
}

/** Where a weak reference leads; -1 when nowhere. */
function onlyWeakTarget(snapshot: HeapSnapshot, reference: number): number {
  const first = snapshot.firstEdges[reference] as number
  const end = snapshot.firstEdges[reference + 1] as number
  if (first === end) return -1
  expect(end - first).toBe(1)
  expect(snapshot.edgeTypes[first]).toBe(snapshot.weakType)
  return snapshot.edgeTargets[first] as number
}

interface Setup {
  readonly graph: string
  readonly options: HeapOptions
  readonly grainBytes: number
}

const SETUPS: readonly Setup[] = [
  { graph: 'node-startup', options: { mode: 'manual' }, grainBytes: 16 },
  { graph: 'node-startup', options: { mode: 'vm' }, grainBytes: 16 },
  { graph: 'node-startup', options: { mode: 'runtime' }, grainBytes: 16 },
  { graph: 'node-startup', options: { mode: 'server' }, grainBytes: 16 },
  { graph: 'node-startup', options: { mode: 'embedded', limit: '16MiB' }, grainBytes: 8 },
  { graph: 'typescript', options: { mode: 'runtime' }, grainBytes: 16 },
]

describe('a snapshot of a heap with a recorded program', () => {
  it.each(SETUPS)('$graph, $options.mode, has the same nodes, edges and sizes', async (setup) => {
    const file = await readGraph(graphPath(setup.graph))
    const loaded = load(file, setup.options)
    const { differences, ...found } = compare(file, { ...loaded, ...setup })
    expect(differences).toEqual([])
    const inFile = reachedBy(file)
    expect(found).toEqual(inFile)
    // And no other objects than a weak reference for each weak edge.
    const { nodeTypes, nodeTypeNames } = loaded.snapshot
    const objects = nodeTypes.filter((type) => nodeTypeNames[type] === 'object').length
    expect(objects - inFile.nodes).toBe(setup.options.mode === 'manual' ? 0 : inFile.weakEdges)
    loaded.heap.close()
  })
})

/** What the file's root reaches by strong edges, counted here. */
function reachedBy(file: HeapSnapshot): { nodes: number; edges: number; weakEdges: number } {
  const reached = new Set([0])
  let edges = 0
  let weakEdges = 0
  for (const node of reached) {
    for (let edge = file.firstEdges[node] as number; edge < (file.firstEdges[node + 1] as number); edge++) {
      if (file.edgeTypes[edge] === file.weakType) weakEdges++
      else {
        edges++
        reached.add(file.edgeTargets[edge] as number)
      }
    }
  }
  return { nodes: reached.size, edges, weakEdges }
}
