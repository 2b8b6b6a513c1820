/**
 * Writer of Chrome's `.heapsnapshot`, the format that `heapsnapshot.ts` describes and reads: what DevTools, and any
 * other reader of V8's files, opens.
 *
 * The text comes in pieces of some 64 KiB, because a snapshot of millions of nodes is longer than a string can be. It
 * has the fields and sections that V8 writes, in V8's order; what a heap has nothing of (allocation traces, samples,
 * locations) is there and empty. `to_node` is the target's number times the fields of a node.
 */
import type { HeapSnapshot } from './heapsnapshot.js'

const NODE_FIELDS = ['type', 'name', 'id', 'self_size', 'edge_count', 'trace_node_id', 'detachedness'] as const
const EDGE_FIELDS = ['type', 'name_or_index', 'to_node'] as const
const PIECE_CHARACTERS = 1 << 16

/** Joins short texts to pieces of a length that is worth a call. */
class Pieces {
  #texts: string[] = []
  #characters = 0

  add(text: string): void {
    this.#texts.push(text)
    this.#characters += text.length
  }

  get isFull(): boolean {
    return this.#characters >= PIECE_CHARACTERS
  }

  take(): string {
    const piece = this.#texts.join('')
    this.#texts = []
    this.#characters = 0
    return piece
  }
}

/**
 * A snapshot as the text of a `.heapsnapshot` file, in pieces. Nodes without ids get their place times two plus one.
 *
 * @example
 * await writeFile('heap.heapsnapshot', writeHeapSnapshot(snapshot))
 */
export function* writeHeapSnapshot(snapshot: HeapSnapshot): IterableIterator<string> {
  const pieces = new Pieces()
  pieces.add(`{"snapshot":${JSON.stringify(headOf(snapshot))},\n"nodes":[`)
  for (let node = 0; node < snapshot.nodeCount; node++) {
    pieces.add(nodeText(snapshot, node))
    if (pieces.isFull) yield pieces.take()
  }
  pieces.add('],\n"edges":[')
  for (let edge = 0; edge < snapshot.edgeCount; edge++) {
    pieces.add(edgeText(snapshot, edge))
    if (pieces.isFull) yield pieces.take()
  }
  pieces.add('],\n"trace_function_infos":[],\n"trace_tree":[],\n"samples":[],\n"locations":[],\n"strings":[')
  for (let string = 0; string < snapshot.strings.count; string++) {
    pieces.add(`${string === 0 ? '' : ',\n'}${snapshot.strings.json(string)}`)
    if (pieces.isFull) yield pieces.take()
  }
  pieces.add(']}\n')
  yield pieces.take()
}

/** What the section `snapshot` says. Readers pass by members that they do not know. */
function headOf({ nodeCount, edgeCount, nodeTypeNames, edgeTypeNames, idKind }: HeapSnapshot): object {
  return {
    meta: {
      node_fields: NODE_FIELDS,
      node_types: [nodeTypeNames, 'string', 'number', 'number', 'number', 'number', 'number'],
      edge_fields: EDGE_FIELDS,
      edge_types: [edgeTypeNames, 'string_or_number', 'node'],
      trace_function_info_fields: ['function_id', 'name', 'script_name', 'script_id', 'line', 'column'],
      trace_node_fields: ['id', 'function_info_index', 'count', 'size', 'children'],
      sample_fields: ['timestamp_us', 'last_assigned_id'],
      location_fields: ['object_index', 'script_id', 'line', 'column'],
    },
    node_count: nodeCount,
    edge_count: edgeCount,
    trace_function_count: 0,
    ...(idKind === 'address' && { heapwright: { version: 1, ids: 'address' } }),
  }
}

function nodeText({ nodeTypes, nodeNames, nodeIds, selfSizes, firstEdges }: HeapSnapshot, node: number): string {
  const edges = (firstEdges[node + 1] as number) - (firstEdges[node] as number)
  const id = nodeIds ? nodeIds[node] : node * 2 + 1
  return `${node === 0 ? '' : ',\n'}${nodeTypes[node]},${nodeNames[node]},${id},${selfSizes[node]},${edges},0,0`
}

function edgeText({ edgeTypes, edgeNames, edgeTargets }: HeapSnapshot, edge: number): string {
  const place = (edgeTargets[edge] as number) * NODE_FIELDS.length
  return `${edge === 0 ? '' : ',\n'}${edgeTypes[edge]},${edgeNames[edge]},${place}`
}
