/**
 * Snapshots of a heap: what lies in it at one moment, as a graph of nodes and edges in the form that Chrome's files
 * have.
 *
 *   root   (roots)    handles, roots, stacks, …: what keeps objects, as groups; see `root-edges.ts`
 *          (memory)   blocks, arenas, pools, free memory, tables, metadata; see `memory-nodes.ts`
 *          (tenants)  each with groups of its own like these
 *
 * Guarantee: the self sizes of all nodes add up to what is held. The heap is not changed, but for the collection that
 * is made first unless it is told not to be, and nothing in the heap is allocated.
 *
 * Costs a look at each object and its references, each live block and each page; some 150 bytes of JavaScript's memory
 * for an object.
 */
import { HEAP_COMMITTED_AT, HEAP_TRIMMED_AT } from '../../kernel/layout.js'
import { COLLECT_FULL, OBJECT_HEADER_BYTES, OBJECT_IMMORTAL } from '../../kernel/object-layout.js'
import { checkOptions, checkRange } from '../arguments.js'
import type { HeapCore } from '../core.js'
import { ArgumentError } from '../errors.js'
import type { HeapSnapshot, IdKind, SnapshotStrings } from '../formats/heapsnapshot.js'
import { writeHeapSnapshot } from '../formats/heapsnapshot-writer.js'
import type { ObjectSpace } from '../objects/space.js'
import type { ModeName } from '../types.js'
import { SnapshotBuilder } from './builder.js'
import { Groups } from './groups.js'
import { type BlockNodes, MemoryNodes } from './memory-nodes.js'
import { ObjectNodes } from './object-nodes.js'
import { PlaceMap } from './place-map.js'
import { unreached } from './reach.js'
import { RootEdges } from './root-edges.js'
import { SnapshotGraph } from './snapshot-graph.js'

export interface SnapshotOptions {
  /** Collect first, so that only what lives is in it. Default true. */
  readonly collect?: boolean
  /** Whether strings and keys are there with their texts, and numbers with their values. Default true. */
  readonly texts?: boolean
  /** Longer texts are cut: bytes of UTF-8, from 0 to 1 MiB. Default 1024. */
  readonly textMaxBytes?: number
  /** Default `'auto'`. */
  readonly blocks?: BlockNodes
}

const TEXT_MAX_BYTES = 1024
const TEXT_LIMIT_BYTES = 2 ** 20
const BLOCK_NODES: readonly BlockNodes[] = ['auto', 'each', 'grouped']

/** What was in a heap at one moment. Made by `heap.snapshot()`. Plain data: it keeps nothing of the heap. */
export class Snapshot implements HeapSnapshot {
  /** The heap's. */
  readonly name: string
  readonly mode: ModeName
  /** As in the heap's statistics: what was given back to the system is no part of it, but is of `bytes`. */
  readonly committedBytes: number
  readonly nodeCount: number
  readonly edgeCount: number
  readonly bytes: number
  readonly nodeTypeNames: readonly string[]
  readonly edgeTypeNames: readonly string[]
  readonly nodeTypes: Uint8Array
  readonly nodeNames: Uint32Array
  readonly selfSizes: Float64Array
  readonly nodeIds: Uint32Array | undefined
  readonly idKind: IdKind
  readonly firstEdges: Uint32Array
  readonly edgeTypes: Uint8Array
  readonly edgeNames: Uint32Array
  readonly edgeTargets: Uint32Array
  readonly weakType: number
  readonly strings: SnapshotStrings
  #graph: SnapshotGraph | undefined

  /** @internal */
  constructor(data: HeapSnapshot, mode: ModeName, committedBytes: number) {
    this.name = data.name
    this.mode = mode
    this.committedBytes = committedBytes
    this.nodeCount = data.nodeCount
    this.edgeCount = data.edgeCount
    this.bytes = data.bytes
    this.nodeTypeNames = data.nodeTypeNames
    this.edgeTypeNames = data.edgeTypeNames
    this.nodeTypes = data.nodeTypes
    this.nodeNames = data.nodeNames
    this.selfSizes = data.selfSizes
    this.nodeIds = data.nodeIds
    this.idKind = data.idKind
    this.firstEdges = data.firstEdges
    this.edgeTypes = data.edgeTypes
    this.edgeNames = data.edgeNames
    this.edgeTargets = data.edgeTargets
    this.weakType = data.weakType
    this.strings = data.strings
  }

  /** Dominators, retained sizes, paths to the root, differences. The same one each time. */
  get graph(): SnapshotGraph {
    this.#graph ??= new SnapshotGraph(this)
    return this.#graph
  }

  /**
   * The text of a `.heapsnapshot` file in pieces of some 64 KiB: Chrome DevTools opens it.
   *
   * @example
   * await writeFile('mine.heapsnapshot', heap.snapshot().write())
   */
  write(): IterableIterator<string> {
    return writeHeapSnapshot(this)
  }
}

/** A heap as a snapshot needs it, with its tenants. */
export interface SnapshotSource {
  readonly core: HeapCore
  /** A tenant's. */
  readonly id?: string
  readonly tenants: () => readonly SnapshotSource[]
}

/** The snapshot of a heap. @throws ArgumentError, ClosedError; CorruptionError when the heap cannot be walked */
export function takeSnapshot(source: SnapshotSource, options: SnapshotOptions): Snapshot {
  const { core } = source
  const checked = checkSnapshotOptions(options)
  core.assertOpen()
  if (checked.collect) for (const part of partsOf(source)) collect(part.core)
  // Listeners and finalizers have run: they may have closed the heap, or ended tenants.
  core.assertOpen()
  return core.untrapped(() => {
    const data = capture(partsOf(source), checked)
    return new Snapshot(data, core.mode, core.word(HEAP_COMMITTED_AT) - core.word(HEAP_TRIMMED_AT))
  })
}

function collect(core: HeapCore): void {
  if (!core.isClosed) core.objectsThatAre?.collect(COLLECT_FULL)
}

/** A heap, and the place among all of the one that it is a tenant of. */
interface Part {
  readonly core: HeapCore
  readonly id: string
  readonly source: SnapshotSource
  readonly parent: number
}

/** The heap and its tenants, each behind the one that it is a tenant of. */
function partsOf(source: SnapshotSource): Part[] {
  const parts: Part[] = [{ core: source.core, id: '', source, parent: -1 }]
  for (let i = 0; i < parts.length; i++) {
    for (const tenant of (parts[i] as Part).source.tenants()) {
      parts.push({ core: tenant.core, id: tenant.id ?? tenant.core.name, source: tenant, parent: i })
    }
  }
  return parts
}

interface CheckedOptions {
  readonly collect: boolean
  readonly textMaxBytes: number | undefined
  readonly blocks: BlockNodes
}

function checkSnapshotOptions(options: SnapshotOptions): CheckedOptions {
  checkOptions('options', options, ['collect', 'texts', 'textMaxBytes', 'blocks'])
  const { collect = true, texts = true, textMaxBytes = TEXT_MAX_BYTES, blocks = 'auto' } = options
  if (typeof collect !== 'boolean') throw new ArgumentError('collect', collect, 'true or false')
  if (typeof texts !== 'boolean') throw new ArgumentError('texts', texts, 'true or false')
  checkRange('textMaxBytes', textMaxBytes, 0, TEXT_LIMIT_BYTES)
  if (!BLOCK_NODES.includes(blocks)) throw new ArgumentError('blocks', blocks, "'auto', 'each' or 'grouped'")
  return { collect, textMaxBytes: texts ? textMaxBytes : undefined, blocks }
}

function capture(parts: readonly Part[], options: CheckedOptions): HeapSnapshot {
  const builder = new SnapshotBuilder()
  const groups = new Groups(builder)
  // A buffer of `embedded` has no tenants, and is none: all heaps of a snapshot have one grain.
  const nodes = new PlaceMap(parts[0]?.core.mode === 'embedded' ? 8 : 16)
  const heaps: CapturedHeap[] = []
  for (const { core, id, parent } of parts) {
    const above = heaps[parent]
    const root = above ? groups.group(`tenant '${id}'`, groups.group('(tenants)', above.root)) : groups.root
    const heap = new CapturedHeap(core, groups, root, { ...options, nodes })
    if (above) above.tenantBytes += core.word(HEAP_COMMITTED_AT)
    heaps.push(heap)
  }
  for (const heap of heaps) heap.addEdges()
  for (const heap of heaps) heap.addMemory()
  const { name } = (parts[0] as Part).core
  const data = builder.finish(name)
  const lost = unreached(data)
  if (lost.length === 0) return data
  for (const heap of heaps) heap.addUnreached(lost)
  return builder.finish(name)
}

/** One heap in a snapshot: the root's, or a tenant's below it. */
class CapturedHeap {
  readonly root: number
  /** What its own tenants hold. */
  tenantBytes = 0
  readonly #groups: Groups
  readonly #space: ObjectSpace | undefined
  readonly #memory: MemoryNodes
  readonly #objects: ObjectNodes | undefined
  readonly #blocks: BlockNodes

  /** Adds the nodes of the objects. */
  constructor(core: HeapCore, groups: Groups, root: number, options: CheckedOptions & { readonly nodes: PlaceMap }) {
    const space = core.objectsThatAre
    space?.kernel.finishSweep()
    this.root = root
    this.#groups = groups
    this.#space = space
    this.#blocks = options.blocks
    const memory = new MemoryNodes(core, space, groups)
    this.#memory = memory
    if (!space) return
    const onObject = space.isCounted ? () => {} : (header: number, bytes: number) => memory.takeObject(header, bytes)
    this.#objects = new ObjectNodes(core, space, groups.builder, { ...options, onObject })
    this.#objects.addNodes()
  }

  addEdges(): void {
    const [space, objects] = [this.#space, this.#objects]
    if (!space || !objects) return
    objects.addEdges()
    const roots = new RootEdges(space, this.#groups, objects, this.root)
    roots.add()
    if (space.isCounted) roots.addCounted()
    else roots.addImmortal((at) => (objects.word(at - OBJECT_HEADER_BYTES) & OBJECT_IMMORTAL) !== 0)
  }

  addMemory(): void {
    const isObject = (reference: number) => this.#space?.isCounted === true && this.#objects?.nodeOf(reference) !== -1
    this.#memory.addNodes(this.root, this.#blocks, isObject, this.tenantBytes)
  }

  /**
   * Objects that nothing keeps, which the next collection would free, are in a group: so the root reaches all nodes.
   */
  addUnreached(lost: readonly number[]): void {
    const objects = this.#objects
    if (!objects) return
    for (const node of lost) {
      if (node < objects.first || node >= objects.first + objects.count) continue
      this.#groups.addChild(this.#groups.group('(unreachable)', this.root), node)
    }
  }
}
