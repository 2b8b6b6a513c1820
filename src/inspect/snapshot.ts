/**
 * Snapshots of a heap: what lies in it at one moment, as a graph of nodes and edges in the form that Chrome's files
 * have.
 *
 *   root   (roots)    handles, roots, stacks, …: what keeps objects, as groups; see `root-edges.ts`
 *          (memory)   blocks, arenas, pools, free memory, tables, metadata; see `memory-nodes.ts`
 *
 * Guarantee: the self sizes of all nodes add up to the committed bytes. The heap is not changed, but for the collection
 * that is made first unless it is told not to be, and nothing in the heap is allocated.
 *
 * Costs a look at each object and its references, each live block and each page; some 200 bytes of JavaScript's memory
 * for an object.
 */
import { HEAP_COMMITTED_AT } from '../../kernel/layout.js'
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
  /** What the heap held: the sum of all self sizes. */
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

/** The snapshot of a heap. @throws ArgumentError, ClosedError; CorruptionError when the heap cannot be walked */
export function takeSnapshot(core: HeapCore, options: SnapshotOptions): Snapshot {
  const { collect, textMaxBytes, blocks } = checkSnapshotOptions(options)
  core.assertOpen()
  const space = core.objectsThatAre
  if (collect && space) space.collect(COLLECT_FULL)
  // Listeners and finalizers have run.
  core.assertOpen()
  return core.untrapped(() => {
    space?.kernel.finishSweep()
    const data = capture(core, space, textMaxBytes, blocks)
    return new Snapshot(data, core.mode, core.word(HEAP_COMMITTED_AT))
  })
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

function capture(
  core: HeapCore,
  space: ObjectSpace | undefined,
  textMaxBytes: number | undefined,
  blocks: BlockNodes,
): HeapSnapshot {
  const builder = new SnapshotBuilder()
  const groups = new Groups(builder)
  const memory = new MemoryNodes(core, space, groups)
  if (!space) {
    memory.addNodes(blocks, () => false)
    return builder.finish(core.name)
  }
  const onObject = space.isCounted ? () => {} : (header: number, bytes: number) => memory.takeObject(header, bytes)
  const objects = new ObjectNodes(core, space, builder, { textMaxBytes, onObject })
  objects.addNodes()
  objects.addEdges()
  addRoots(space, groups, objects)
  memory.addNodes(blocks, (reference) => space.isCounted && objects.nodeOf(reference) >= 0)
  return withUnreached(core, groups, objects)
}

function addRoots(space: ObjectSpace, groups: Groups, objects: ObjectNodes): void {
  const roots = new RootEdges(space, groups, objects)
  roots.add()
  if (space.isCounted) roots.addCounted()
  else roots.addImmortal((at) => (objects.word(at - OBJECT_HEADER_BYTES) & OBJECT_IMMORTAL) !== 0)
}

/** Objects that nothing keeps, which the next collection would free, are in a group, so that the root reaches all. */
function withUnreached(core: HeapCore, groups: Groups, objects: ObjectNodes): HeapSnapshot {
  const { builder } = groups
  const data = builder.finish(core.name)
  const lost = unreached(data)
  const isObject = (node: number) => node >= objects.first && node < objects.first + objects.count
  const dead = lost.filter(isObject)
  if (dead.length === 0) return data
  const group = groups.group('(unreachable)')
  for (const node of dead) groups.addChild(group, node)
  return builder.finish(core.name)
}
