/**
 * Makes a snapshot: takes nodes, and edges in any order, and lays them out as `formats/heapsnapshot.ts` has them, edges
 * grouped by node. The grouping is a counting sort, so edges of one node stay in the order in which they came.
 */
import { EDGES_MAX, type HeapSnapshot, NODES_MAX, SnapshotStrings } from '../formats/heapsnapshot.js'

/** As V8 numbers them: readers of its files know some by number. */
export const NODE_TYPES = [
  'hidden',
  'array',
  'string',
  'object',
  'code',
  'closure',
  'regexp',
  'number',
  'native',
  'synthetic',
  'concatenated string',
  'sliced string',
  'symbol',
  'bigint',
  'object shape',
] as const
export const EDGE_TYPES = ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak'] as const

export type NodeType = (typeof NODE_TYPES)[number]
export type EdgeType = (typeof EDGE_TYPES)[number]

const numbersOf = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name, number) => [name, number])) as Record<Name, number>
const NODE_TYPE_NUMBERS = numbersOf(NODE_TYPES)
const EDGE_TYPE_NUMBERS = numbersOf(EDGE_TYPES)
const INITIAL = 1 << 12

export class SnapshotBuilder {
  readonly #strings = new SnapshotStrings()
  readonly #stringNumbers = new Map<string, number>()
  #nodes = 0
  #nodeTypes = new Uint8Array(INITIAL)
  #nodeNames = new Uint32Array(INITIAL)
  #nodeIds = new Uint32Array(INITIAL)
  #selfSizes = new Float64Array(INITIAL)
  #edges = 0
  #edgeTypes = new Uint8Array(INITIAL)
  #edgeNames = new Uint32Array(INITIAL)
  #edgeSources = new Uint32Array(INITIAL)
  #edgeTargets = new Uint32Array(INITIAL)

  get nodeCount(): number {
    return this.#nodes
  }

  get edgeCount(): number {
    return this.#edges
  }

  /** Number of a string, the same for the same text. */
  string(text: string): number {
    const known = this.#stringNumbers.get(text)
    if (known !== undefined) return known
    const number = this.#strings.add(text)
    this.#stringNumbers.set(text, number)
    return number
  }

  /** The new node's number. @throws RangeError beyond what a snapshot may have */
  addNode(type: NodeType, name: string, id: number, selfBytes: number): number {
    const node = this.#nodes
    if (node === this.#nodeTypes.length) this.#growNodes()
    this.#nodeTypes[node] = NODE_TYPE_NUMBERS[type]
    this.#nodeNames[node] = this.string(name)
    this.#nodeIds[node] = id
    this.#selfSizes[node] = selfBytes
    this.#nodes++
    return node
  }

  selfBytes(node: number): number {
    return this.#selfSizes[node] as number
  }

  setSelfBytes(node: number, bytes: number): void {
    this.#selfSizes[node] = bytes
  }

  /** An edge by name. */
  addEdge(type: Exclude<EdgeType, 'element' | 'hidden'>, name: string, from: number, to: number): void {
    this.#add(EDGE_TYPE_NUMBERS[type], this.string(name), from, to)
  }

  /** An edge by index, from 0 to 2^32 - 1. */
  addElement(index: number, from: number, to: number): void {
    this.#add(EDGE_TYPE_NUMBERS.element, index, from, to)
  }

  #add(type: number, name: number, from: number, to: number): void {
    const edge = this.#edges
    if (edge === this.#edgeTypes.length) this.#growEdges()
    this.#edgeTypes[edge] = type
    this.#edgeNames[edge] = name
    this.#edgeSources[edge] = from
    this.#edgeTargets[edge] = to
    this.#edges++
  }

  edgeSource(edge: number): number {
    return this.#edgeSources[edge] as number
  }

  edgeTarget(edge: number): number {
    return this.#edgeTargets[edge] as number
  }

  isWeak(edge: number): boolean {
    return this.#edgeTypes[edge] === EDGE_TYPE_NUMBERS.weak
  }

  /** The snapshot. The builder is done then. */
  finish(name: string): HeapSnapshot {
    const nodes = this.#nodes
    const firstEdges = this.#firstEdges()
    const order = this.#edgesBySource(firstEdges)
    const selfSizes = this.#selfSizes.subarray(0, nodes)
    return {
      name,
      nodeCount: nodes,
      edgeCount: this.#edges,
      bytes: selfSizes.reduce((sum, bytes) => sum + bytes, 0),
      nodeTypeNames: NODE_TYPES,
      edgeTypeNames: EDGE_TYPES,
      nodeTypes: this.#nodeTypes.subarray(0, nodes),
      nodeNames: this.#nodeNames.subarray(0, nodes),
      nodeIds: this.#nodeIds.subarray(0, nodes),
      idKind: 'address',
      selfSizes,
      firstEdges,
      edgeTypes: order.map(new Uint8Array(this.#edges), this.#edgeTypes),
      edgeNames: order.map(new Uint32Array(this.#edges), this.#edgeNames),
      edgeTargets: order.map(new Uint32Array(this.#edges), this.#edgeTargets),
      weakType: EDGE_TYPE_NUMBERS.weak,
      strings: this.#strings,
    }
  }

  #firstEdges(): Uint32Array {
    const first = new Uint32Array(this.#nodes + 1)
    for (let edge = 0; edge < this.#edges; edge++) {
      const source = this.#edgeSources[edge] as number
      first[source + 1] = (first[source + 1] as number) + 1
    }
    for (let node = 0; node < this.#nodes; node++)
      first[node + 1] = (first[node + 1] as number) + (first[node] as number)
    return first
  }

  /** Where each edge goes. */
  #edgesBySource(firstEdges: Uint32Array): { map<A extends Uint8Array | Uint32Array>(to: A, from: A): A } {
    const next = firstEdges.slice()
    const places = new Uint32Array(this.#edges)
    for (let edge = 0; edge < this.#edges; edge++) {
      const source = this.#edgeSources[edge] as number
      places[edge] = next[source] as number
      next[source] = (next[source] as number) + 1
    }
    return {
      map: (to, from) => {
        for (let edge = 0; edge < places.length; edge++) to[places[edge] as number] = from[edge] as number
        return to
      },
    }
  }

  #growNodes(): void {
    const capacity = nextCapacity(this.#nodes, NODES_MAX, 'nodes')
    this.#nodeTypes = grown(this.#nodeTypes, capacity)
    this.#nodeNames = grown(this.#nodeNames, capacity)
    this.#nodeIds = grown(this.#nodeIds, capacity)
    this.#selfSizes = grown(this.#selfSizes, capacity)
  }

  #growEdges(): void {
    const capacity = nextCapacity(this.#edges, EDGES_MAX, 'edges')
    this.#edgeTypes = grown(this.#edgeTypes, capacity)
    this.#edgeNames = grown(this.#edgeNames, capacity)
    this.#edgeSources = grown(this.#edgeSources, capacity)
    this.#edgeTargets = grown(this.#edgeTargets, capacity)
  }
}

function nextCapacity(count: number, max: number, what: string): number {
  if (count >= max) throw new RangeError(`a snapshot of more than ${max} ${what}`)
  return Math.min(max, count * 2)
}

function grown<A extends Uint8Array | Uint32Array | Float64Array>(array: A, capacity: number): A {
  const longer = new (array.constructor as new (length: number) => A)(capacity)
  longer.set(array)
  return longer
}
