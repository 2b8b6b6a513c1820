/**
 * Reader of Chrome's `.heapsnapshot`: what a JavaScript program holds, as a graph. `v8.writeHeapSnapshot()` writes it.
 *
 *   { "snapshot": { "meta": { "node_fields": [...], "node_types": [...], "edge_fields": [...], "edge_types": [...] },
 *                   "node_count": n, "edge_count": m },
 *     "nodes": [ n times the node fields ], "edges": [ m times the edge fields ], ..., "strings": [ ... ] }
 *
 *   node    type, name, id, self_size, edge_count, and trace_node_id, detachedness in younger files, in the order that
 *           node_fields says; node 0 is the root
 *   edge    type, name_or_index, to_node; the edges of node 0 first, then those of node 1, ...; to_node is the place of
 *           the target's first number in "nodes", so the target's number times the number of node fields
 *
 * The result is flat arrays: 21 bytes a node, 9 bytes an edge, and the strings as bytes. Nothing in the file is taken
 * on trust: counts, sums, places, types and names must fit each other, or a `FormatError` says which does not.
 */

import { FormatError } from './format-error.js'
import { JsonSections, type Section, type SectionTaker } from './json-sections.js'

/**
 * What ids are. `serial`: each object has one of its own for life, as in the files of V8. `address`: where it lies, as
 * in those of Heapwright, so another object may have it later.
 */
export type IdKind = 'serial' | 'address'

export interface HeapSnapshot {
  /** Where it comes from, for messages and tables. */
  readonly name: string
  readonly nodeCount: number
  readonly edgeCount: number
  /** Sum of `selfSizes`. */
  readonly bytes: number
  /** Words for `nodeTypes` and `edgeTypes`, such as `closure` and `weak`. */
  readonly nodeTypeNames: readonly string[]
  readonly edgeTypeNames: readonly string[]
  /** By node: its type, the string that is its name, its own bytes. */
  readonly nodeTypes: Uint8Array
  readonly nodeNames: Uint32Array
  readonly selfSizes: Float64Array
  /** By node: its number in this snapshot and, as far as `idKind` says so, in later ones; undefined without any. */
  readonly nodeIds: Uint32Array | undefined
  readonly idKind: IdKind
  /** Edges of node `i` are `firstEdges[i]` to `firstEdges[i + 1] - 1`; one more entry than there are nodes. */
  readonly firstEdges: Uint32Array
  /** By edge: its type, its name (a string, or an index: see `edgeLabel`), the node that it leads to. */
  readonly edgeTypes: Uint8Array
  readonly edgeNames: Uint32Array
  readonly edgeTargets: Uint32Array
  /** Number of `weak` among the edge types, -1 when the file knows none. */
  readonly weakType: number
  readonly strings: SnapshotStrings
}

/** Most nodes and edges of one snapshot: 2.8 and 4.8 GB of arrays. */
export const NODES_MAX = 2 ** 27
export const EDGES_MAX = 2 ** 29
const STRING_BYTES_MAX = 2 ** 32 - 1
const TYPES_MAX = 256
const INITIAL = 1 << 14
/** Edge types whose second number is an index and no string. */
const INDEXED = ['element', 'hidden']
const encoder = new TextEncoder()

/** The strings of a snapshot, made when asked for. */
export class SnapshotStrings {
  #bytes = new Uint8Array(INITIAL)
  #ends = new Uint32Array(INITIAL)
  #byteCount = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** String `index`; empty when there is none. */
  at(index: number): string {
    return JSON.parse(this.json(index))
  }

  /** The same as JSON has it, in quotes. */
  json(index: number): string {
    if (!(index < this.#count)) return '""'
    const start = index === 0 ? 0 : (this.#ends[index - 1] as number)
    return `"${new TextDecoder().decode(this.#bytes.subarray(start, this.#ends[index]))}"`
  }

  /** @internal Add a string; its number. Throws RangeError when there would be too many bytes. */
  add(text: string): number {
    const json = JSON.stringify(text)
    if (!this.append(encoder.encode(json.slice(1, -1)))) {
      throw new RangeError(`strings of more than ${STRING_BYTES_MAX} bytes`)
    }
    this.end()
    return this.#count - 1
  }

  /** @internal A piece of the next string, as it is in the file. False when there would be too many bytes. */
  append(bytes: Uint8Array): boolean {
    const end = this.#byteCount + bytes.length
    if (end > STRING_BYTES_MAX) return false
    if (end > this.#bytes.length) {
      this.#bytes = grown(this.#bytes, Math.min(STRING_BYTES_MAX, Math.max(end, this.#bytes.length * 2)))
    }
    this.#bytes.set(bytes, this.#byteCount)
    this.#byteCount = end
    return true
  }

  /** @internal */
  end(): void {
    if (this.#count === this.#ends.length) this.#ends = grown(this.#ends, this.#count * 2)
    this.#ends[this.#count++] = this.#byteCount
  }
}

/** Where each thing stands in a node's and in an edge's numbers, and what the counts are said to be. */
interface Layout {
  readonly nodeFields: number
  readonly typeAt: number
  readonly nameAt: number
  /** -1: nodes have no ids. */
  readonly idAt: number
  readonly idKind: IdKind
  readonly sizeAt: number
  readonly edgeCountAt: number
  readonly nodeTypeNames: readonly string[]
  readonly edgeFields: number
  readonly edgeTypeAt: number
  readonly edgeNameAt: number
  readonly targetAt: number
  readonly edgeTypeNames: readonly string[]
  readonly nodeCount: number
  readonly edgeCount: number
}

const SECTIONS = ['snapshot', 'nodes', 'edges', 'strings'] as const

/** Pushes text in, takes the graph out: `push` any number of times, then `finish` once. */
export class HeapSnapshotReader {
  readonly #name: string
  readonly #json: JsonSections
  readonly #met = new Set<string>()
  #section = ''
  #layout: Layout | undefined

  #nodes = 0
  #nodeTypes = new Uint8Array(0)
  #nodeNames = new Uint32Array(0)
  #nodeIds: Uint32Array | undefined
  #selfSizes = new Float64Array(0)
  #firstEdges = new Uint32Array(0)
  #bytes = 0
  /** Edges that the nodes so far say they have. */
  #edgesPromised = 0

  #edges = 0
  #edgeTypes = new Uint8Array(0)
  #edgeNames = new Uint32Array(0)
  #edgeTargets = new Uint32Array(0)

  readonly #strings = new SnapshotStrings()

  /** @param name where the text comes from; used in errors and as the graph's name */
  constructor(name: string) {
    this.#name = name
    const taker: SectionTaker = {
      begin: (section) => this.#begin(section),
      numbers: (values, count) =>
        (this.#section === 'nodes' ? this.#addNodes : this.#addEdges).call(this, values, count),
      stringBytes: (bytes) => {
        if (!this.#strings.append(bytes)) this.#fail(`strings of more than ${STRING_BYTES_MAX} bytes`)
      },
      stringEnd: () => this.#strings.end(),
      text: (text) => {
        this.#layout = readLayout(JSON.parse(text), (reason) => this.#fail(reason))
      },
      end: () => this.#end(),
    }
    this.#json = new JsonSections(name, taker)
  }

  /** Takes the next piece of text, of any length and cut anywhere. Throws `FormatError` at what cannot be right. */
  push(chunk: Uint8Array): void {
    try {
      this.#json.push(chunk)
    } catch (error) {
      if (error instanceof RangeError) this.#fail(`it does not fit into memory (${error.message})`)
      throw error
    }
  }

  /** Ends the text and returns its graph. Throws `FormatError` when something is missing or does not fit. */
  finish(): HeapSnapshot {
    this.#json.finish()
    for (const section of SECTIONS) {
      if (!this.#met.has(section)) this.#fail(`no heap snapshot: there is no section '${section}' in it`)
    }
    const { edgeTypeNames, nodeTypeNames, idKind } = this.#layout as Layout
    const snapshot: HeapSnapshot = {
      name: this.#name,
      nodeCount: this.#nodes,
      edgeCount: this.#edges,
      bytes: this.#bytes,
      nodeTypeNames,
      edgeTypeNames,
      nodeTypes: this.#nodeTypes,
      nodeNames: this.#nodeNames,
      selfSizes: this.#selfSizes,
      nodeIds: this.#nodeIds,
      idKind,
      firstEdges: this.#firstEdges,
      edgeTypes: this.#edgeTypes,
      edgeNames: this.#edgeNames,
      edgeTargets: this.#edgeTargets,
      weakType: edgeTypeNames.indexOf('weak'),
      strings: this.#strings,
    }
    this.#checkNames(snapshot)
    return snapshot
  }

  // ---- sections -------------------------------------------------------------------------------------------------

  #begin(section: string): Section {
    this.#section = section
    const layout = this.#layout
    const isKnown = (SECTIONS as readonly string[]).includes(section)
    if (isKnown && this.#met.has(section)) this.#fail(`the section '${section}' is there twice`)
    this.#met.add(section)
    if (section === 'snapshot') return { as: 'text' }
    if (section === 'strings') return { as: 'strings' }
    if (section !== 'nodes' && section !== 'edges') return { as: 'nothing' }
    if (!layout) this.#fail(`the section '${section}' comes before the section 'snapshot', which describes it`)
    if (section === 'nodes') this.#growNodes(Math.min(layout.nodeCount, INITIAL))
    else this.#growEdges(Math.min(layout.edgeCount, INITIAL))
    return { as: 'numbers', record: section === 'nodes' ? layout.nodeFields : layout.edgeFields }
  }

  #end(): void {
    if (!this.#layout) return
    const { nodeCount, edgeCount } = this.#layout
    if (this.#section === 'nodes') {
      this.#checkCount('node', this.#nodes, nodeCount)
      if (this.#edgesPromised !== edgeCount) {
        this.#fail(`the nodes' edge counts add up to ${this.#edgesPromised}, but edge_count is ${edgeCount}`)
      }
      this.#firstEdges[nodeCount] = edgeCount
    } else if (this.#section === 'edges') {
      this.#checkCount('edge', this.#edges, edgeCount)
    }
  }

  #checkCount(what: string, counted: number, said: number): void {
    if (counted !== said) this.#fail(`${counted} ${what}s are in it, but ${what}_count is ${said}`)
  }

  #addNodes(values: Float64Array, count: number): void {
    const { nodeFields, typeAt, nameAt, idAt, sizeAt, edgeCountAt, nodeTypeNames, nodeCount, edgeCount } = this
      .#layout as Layout
    this.#checkWhole('node', count, nodeFields)
    const end = this.#nodes + count / nodeFields
    if (end > nodeCount) this.#fail(`more nodes are in it than the ${nodeCount} that node_count says`)
    if (end > this.#nodeTypes.length) this.#growNodes(Math.min(nodeCount, Math.max(end, this.#nodeTypes.length * 2)))
    for (let at = 0; at < count; at += nodeFields) {
      const node = this.#nodes
      const type = values[at + typeAt] as number
      const name = values[at + nameAt] as number
      const size = values[at + sizeAt] as number
      const edges = values[at + edgeCountAt] as number
      if (type >= nodeTypeNames.length) this.#fail(`node ${node}: its type is ${type} of ${nodeTypeNames.length}`)
      if (name >= 2 ** 32) this.#fail(`node ${node}: there is no string ${name}`)
      if (edges > edgeCount - this.#edgesPromised) {
        const sum = this.#edgesPromised + edges
        this.#fail(`node ${node}: the edge counts up to it add up to ${sum}, but edge_count is ${edgeCount}`)
      }
      this.#nodeTypes[node] = type
      this.#nodeNames[node] = name
      if (this.#nodeIds) {
        const id = values[at + idAt] as number
        if (id >= 2 ** 32) this.#fail(`node ${node}: its id is ${id}, beyond 32 bits`)
        this.#nodeIds[node] = id
      }
      this.#selfSizes[node] = size
      this.#firstEdges[node] = this.#edgesPromised
      this.#bytes += size
      this.#edgesPromised += edges
      this.#nodes++
    }
    if (this.#bytes > Number.MAX_SAFE_INTEGER) this.#fail('the self sizes add up to more than 2^53')
  }

  #addEdges(values: Float64Array, count: number): void {
    const { edgeFields, edgeTypeAt, edgeNameAt, targetAt, edgeTypeNames, nodeFields, nodeCount, edgeCount } = this
      .#layout as Layout
    this.#checkWhole('edge', count, edgeFields)
    const end = this.#edges + count / edgeFields
    if (end > edgeCount) this.#fail(`more edges are in it than the ${edgeCount} that edge_count says`)
    if (end > this.#edgeTypes.length) this.#growEdges(Math.min(edgeCount, Math.max(end, this.#edgeTypes.length * 2)))
    const placeEnd = nodeCount * nodeFields
    for (let at = 0; at < count; at += edgeFields) {
      const edge = this.#edges
      const type = values[at + edgeTypeAt] as number
      const name = values[at + edgeNameAt] as number
      const place = values[at + targetAt] as number
      if (type >= edgeTypeNames.length) this.#fail(`edge ${edge}: its type is ${type} of ${edgeTypeNames.length}`)
      if (name >= 2 ** 32) this.#fail(`edge ${edge}: its name or index is ${name}, beyond 32 bits`)
      if (place >= placeEnd) this.#fail(`edge ${edge}: its to_node is ${place}, but the nodes end before ${placeEnd}`)
      const target = place / nodeFields
      if (!Number.isInteger(target)) {
        this.#fail(`edge ${edge}: its to_node is ${place}, but nodes begin at multiples of ${nodeFields}`)
      }
      this.#edgeTypes[edge] = type
      this.#edgeNames[edge] = name
      this.#edgeTargets[edge] = target
      this.#edges++
    }
  }

  /** Batches hold whole nodes or edges, but for the list's end. */
  #checkWhole(what: string, count: number, fields: number): void {
    if (count % fields !== 0) this.#fail(`the list ends in the middle of its last ${what}: each is ${fields} numbers`)
  }

  #checkNames({ nodeCount, nodeNames, edgeCount, edgeTypes, edgeNames, edgeTypeNames }: HeapSnapshot): void {
    const strings = this.#strings.count
    for (let node = 0; node < nodeCount; node++) {
      const name = nodeNames[node] as number
      if (name >= strings) this.#fail(`node ${node}: its name is string ${name} of ${strings}`)
    }
    const isNamed = edgeTypeNames.map((name) => !INDEXED.includes(name))
    for (let edge = 0; edge < edgeCount; edge++) {
      const name = edgeNames[edge] as number
      if (name >= strings && isNamed[edgeTypes[edge] as number]) {
        this.#fail(`edge ${edge}: its name is string ${name} of ${strings}`)
      }
    }
  }

  #growNodes(capacity: number): void {
    this.#nodeTypes = grown(this.#nodeTypes, capacity)
    this.#nodeNames = grown(this.#nodeNames, capacity)
    if ((this.#layout as Layout).idAt >= 0) this.#nodeIds = grown(this.#nodeIds ?? new Uint32Array(0), capacity)
    this.#selfSizes = grown(this.#selfSizes, capacity)
    this.#firstEdges = grown(this.#firstEdges, capacity + 1)
  }

  #growEdges(capacity: number): void {
    this.#edgeTypes = grown(this.#edgeTypes, capacity)
    this.#edgeNames = grown(this.#edgeNames, capacity)
    this.#edgeTargets = grown(this.#edgeTargets, capacity)
  }

  #fail(reason: string): never {
    throw new FormatError(this.#name, reason)
  }
}

/** Graph of a text that is in memory as a whole. */
export function readHeapSnapshot(text: Uint8Array, name: string): HeapSnapshot {
  const reader = new HeapSnapshotReader(name)
  reader.push(text)
  return reader.finish()
}

/** A node for people: `closure require (node 17)`. */
export function describeNode(snapshot: HeapSnapshot, node: number): string {
  const type = snapshot.nodeTypeNames[snapshot.nodeTypes[node] as number] ?? ''
  const name = snapshot.strings.at(snapshot.nodeNames[node] as number)
  const words = [type, name.length > 40 ? `${name.slice(0, 40)}...` : name].filter((word) => word !== '')
  return words.length === 0 ? `node ${node}` : `${words.join(' ')} (node ${node})`
}

/** What an edge is called: its string, or its index in brackets. */
export function edgeLabel(snapshot: HeapSnapshot, edge: number): string {
  const name = snapshot.edgeNames[edge] as number
  const type = snapshot.edgeTypeNames[snapshot.edgeTypes[edge] as number] ?? ''
  return INDEXED.includes(type) ? `[${name}]` : snapshot.strings.at(name)
}

/** The short name of a snapshot's file: `typescript` for `graphs/typescript.heapsnapshot.gz`. */
export function snapshotName(file: string): string {
  const base = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)
  return base.replace(/(\.heapsnapshot)?(\.gz)?$/, '') || base
}

function grown<A extends Uint8Array | Uint32Array | Float64Array>(array: A, capacity: number): A {
  const longer = new (array.constructor as new (length: number) => A)(capacity)
  longer.set(array)
  return longer
}

// ---- the description ------------------------------------------------------------------------------------------------

type Fail = (reason: string) => never

function readLayout(snapshot: unknown, fail: Fail): Layout {
  const meta = member(snapshot, 'meta')
  if (meta === undefined) fail("no heap snapshot: its section 'snapshot' has no 'meta'")
  const nodeFields = readNames(member(meta, 'node_fields'), 'node_fields', fail)
  const edgeFields = readNames(member(meta, 'edge_fields'), 'edge_fields', fail)
  const place = (fields: readonly string[], name: string, of: string) => {
    const at = fields.indexOf(name)
    if (at < 0) fail(`meta.${of} has no '${name}'`)
    return at
  }
  const typeAt = place(nodeFields, 'type', 'node_fields')
  const edgeTypeAt = place(edgeFields, 'type', 'edge_fields')
  const nodeCount = readCount(member(snapshot, 'node_count'), 'node_count', NODES_MAX, fail)
  if (nodeCount === 0) fail('node_count is 0, but there must be a root')
  return {
    nodeFields: nodeFields.length,
    typeAt,
    nameAt: place(nodeFields, 'name', 'node_fields'),
    idAt: nodeFields.indexOf('id'),
    idKind: member(member(snapshot, 'heapwright'), 'ids') === 'address' ? 'address' : 'serial',
    sizeAt: place(nodeFields, 'self_size', 'node_fields'),
    edgeCountAt: place(nodeFields, 'edge_count', 'node_fields'),
    nodeTypeNames: readNames(member(member(meta, 'node_types'), typeAt), `node_types[${typeAt}]`, fail),
    edgeFields: edgeFields.length,
    edgeTypeAt,
    edgeNameAt: place(edgeFields, 'name_or_index', 'edge_fields'),
    targetAt: place(edgeFields, 'to_node', 'edge_fields'),
    edgeTypeNames: readNames(member(member(meta, 'edge_types'), edgeTypeAt), `edge_types[${edgeTypeAt}]`, fail),
    nodeCount,
    edgeCount: readCount(member(snapshot, 'edge_count'), 'edge_count', EDGES_MAX, fail),
  }
}

function member(value: unknown, name: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string | number, unknown>)[name]
}

function readNames(value: unknown, what: string, fail: Fail): readonly string[] {
  const isList = Array.isArray(value) && value.every((name) => typeof name === 'string')
  if (!isList || value.length === 0) fail(`meta.${what} is no list of names`)
  if (value.length > TYPES_MAX) fail(`meta.${what} has more than ${TYPES_MAX} names`)
  if (new Set(value).size !== value.length) fail(`meta.${what} has a name twice`)
  return value
}

function readCount(value: unknown, what: string, max: number, fail: Fail): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) fail(`${what} is no count`)
  if (value > max) fail(`${what} is ${value}; more than ${max} cannot be read`)
  return value
}
