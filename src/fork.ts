/**
 * Forks: an independent heap with the same contents at the same addresses, in a memory of its own.
 *
 * On Linux with `koffi` parent and fork share every page until one of them stores to it (`platform/fork-layers.ts`);
 * what a fork copies is what was stored to since the one before. Elsewhere, and where the system refuses, all pages
 * that are not zero are copied, and the figures say why.
 *
 * A fork is of the whole memory: what a guest has beside the heap may be referred to from it, and a new instance of the
 * guest finds its data there. Events, reclaimers, finalizers and watchers stay with the parent.
 *
 * Guarantee: a fork that fails has changed nothing that the parent could see.
 */
import { STATUS_OK, WASM_PAGE_BYTES } from '../kernel/layout.js'
import { Arena, arenaInFork, FixedArena } from './arena.js'
import { checkOptions } from './arguments.js'
import { HeapCore } from './core.js'
import { giveAttachedObjects } from './create.js'
import {
  ArgumentError,
  CorruptionError,
  OutOfMemoryError,
  outOfMemoryText,
  PlatformError,
  UnsupportedError,
} from './errors.js'
import { GuardedBlock, guardedInFork } from './guarded.js'
import { type MappedFile, spanOf } from './mapped-files.js'
import { Root, rootInFork, SlotRoot, WeakRoot } from './objects/roots.js'
import { checkName } from './options.js'
import type { ScanMethod } from './platform/fork-calls.js'
import { forkCalls, layersOf, noteForked, noteMade } from './platform/fork-memory.js'
import { uniteSpans } from './platform/fork-spans.js'
import { Pool, poolInFork } from './pool.js'

export interface ForkOptions {
  /** Name of the fork, without control characters. Default the parent's with `-fork` behind it. */
  readonly name?: string
}

/** What a fork took, and what it shares with its parent. */
export interface ForkResult {
  /** Whether pages are shared until they are stored to; else all was copied. */
  readonly isCopyOnWrite: boolean
  /** Why all was copied; undefined with copy on write. */
  readonly reason: string | undefined
  /** Bytes that were copied: of pages stored to since the parent's last fork, or of all that are not zero. */
  readonly copiedBytes: number
  /** Those among them that were copied to keep the number of layers and extents low. */
  readonly foldedBytes: number
  /** Bytes of pages that parent and fork have in common. */
  readonly sharedBytes: number
  /** Files in memory that hold them, and the parts of these that are mapped. */
  readonly layers: number
  readonly extents: number
  /** Bytes of memory whose page tables were looked through for pages stored to, and by what. */
  readonly scannedBytes: number
  readonly scanMethod: ScanMethod | undefined
}

/** What a fork knows of where it comes from. */
export interface Origin {
  readonly parent: HeapCore
  /** Of the parent: how often it had been forked, this time included. */
  readonly forks: number
  /** Of the parent's objects: how often they had been reset. */
  readonly epoch: number
  readonly result: ForkResult
  /** What the fork has taken over, by what it is in the parent. */
  readonly adopted: WeakMap<object, object>
}

interface ForkedMemory {
  readonly memory: WebAssembly.Memory
  readonly result: ForkResult
}

/** The core of a fork. @throws ClosedError, UnsupportedError, OutOfMemoryError, ArgumentError */
export function forkCore(parent: HeapCore, options: ForkOptions): HeapCore {
  checkOptions('options', options, ['name'])
  const name = checkName(options.name ?? `${parent.name}-fork`)
  parent.assertOpen()
  checkMayFork(parent)
  parent.protection.renew()
  const { memory, result } = parent.protection.lifted(() => forkMemory(parent))
  const core = new HeapCore({ ...parent.options, memory, name })
  try {
    takeOver(core, parent, result)
  } catch (error) {
    core.close()
    throw error
  }
  return core
}

/** @throws CorruptionError, PlatformError; the fork is of no use then */
function takeOver(core: HeapCore, parent: HeapCore, result: ForkResult): void {
  if (core.kernel.attach(parent.base) !== STATUS_OK) {
    throw new CorruptionError(parent.base, "the control block's fields contradict each other")
  }
  core.place(parent.base)
  parent.forks++
  core.origin = { parent, forks: parent.forks, epoch: parent.objectSpace?.epoch ?? 0, result, adopted: new WeakMap() }
  giveSameObjects(core, parent)
  core.mappedFiles.inherit(parent.mappedFiles)
  protectSame(core, parent)
  core.reserve = parent.reserve?.inFork(core)
  core.collector.begin()
}

function checkMayFork(parent: HeapCore): void {
  if (parent.tenancy) {
    const hint = 'a tenant lives in pieces of the memory around it: fork the heap that has the memory'
    throw new UnsupportedError(parent.mode, 'fork of its own', hint, parent.label)
  }
  if (parent.tenants.count > 0) {
    const hint = 'end its tenants first, or keep what is to be forked in the heap itself'
    throw new UnsupportedError(parent.mode, 'fork while tenants live in it', hint, parent.label)
  }
}

/** What is protected in the parent, by whichever instance of it; mapped files protect what is theirs. */
function protectSame(core: HeapCore, parent: HeapCore): void {
  for (const { owner, address, bytes, access, what } of parent.protection.ranges) {
    if (owner.base !== parent.base || owner.mappedFiles.around(address)) continue
    core.protection.add(core, { address, bytes, access, what })
  }
}

/** Objects as the parent has them: the same plan, and the structs that it knows. */
function giveSameObjects(core: HeapCore, parent: HeapCore): void {
  const space = parent.objectsThatAre
  giveAttachedObjects(core, parent.objectPlan && { ...parent.objectPlan, isForked: true })
  const own = core.objectsThatAre
  if (space && own) own.types.knowAs(space.types)
}

// ---- what a fork takes over -----------------------------------------------------------------------------------------

/** What of a heap lives in its memory, so that a fork has one of its own. */
export type Adoptable = Root | WeakRoot | SlotRoot | Arena | FixedArena | Pool | GuardedBlock | MappedFile

/** The fork's own of what its parent has. @throws ArgumentError */
export function adoptFromParent<T extends Adoptable>(core: HeapCore, thing: T): T {
  core.assertOpen()
  const { origin } = core
  if (!origin) throw new ArgumentError('thing', thing, 'left alone: this heap is no fork of another')
  const found = origin.adopted.get(thing) ?? findInFork(core, thing, origin)
  if (!found) {
    const expected =
      `a root, an arena, a pool, a guarded block or a mapped file of ${origin.parent.label} that was there ` +
      'at the fork, and is in both since; a view becomes one by heap.root before the fork'
    throw new ArgumentError('thing', thing, expected)
  }
  origin.adopted.set(thing, found)
  return found as T
}

function findInFork(core: HeapCore, thing: unknown, origin: Origin): object | undefined {
  if (thing instanceof Arena || thing instanceof FixedArena) return arenaInFork(thing, core, origin)
  if (thing instanceof Pool) return poolInFork(thing, core, origin)
  if (thing instanceof GuardedBlock) return guardedInFork(thing, core, origin)
  const isRoot = thing instanceof Root || thing instanceof WeakRoot || thing instanceof SlotRoot
  return isRoot ? rootInFork(thing, core.objects, origin) : undefined
}

// ---- memory ---------------------------------------------------------------------------------------------------------

function forkMemory(parent: HeapCore): ForkedMemory {
  if (!parent.pages.can.fork) return copyAll(parent, parent.pages.reason ?? 'the system has no files in memory')
  const calls = forkCalls()
  if (typeof calls === 'string') return copyAll(parent, calls)
  const { memory } = parent
  try {
    const table = layersOf(memory, calls)
    const others = parent.mappedFiles.ofOthers()
    const figures = table.freeze(memory, uniteSpans(parent.mappedFiles.spans, others.map(spanOf)))
    const forked = makeMemory(parent)
    // First: pages of private mappings that were stored to lie in layers, over the file.
    for (const file of parent.mappedFiles) file.mapInto(forked)
    noteForked(forked, table.mapInto(forked))
    for (const file of others) file.copyBytesInto(forked)
    const result: ForkResult = {
      isCopyOnWrite: true,
      reason: undefined,
      ...figures,
      sharedBytes: table.mappedBytes,
      layers: table.layers.size,
      extents: table.extents.length,
      scannedBytes: memory.buffer.byteLength,
      scanMethod: calls.scanMethod,
    }
    return { memory: forked, result }
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    return copyAll(parent, error.message)
  }
}

/** @throws OutOfMemoryError */
function makeMemory(parent: HeapCore): WebAssembly.Memory {
  const { byteLength } = parent.memory.buffer
  const initial = byteLength / WASM_PAGE_BYTES
  const maximum = Math.max(initial, Math.ceil(parent.range.end / WASM_PAGE_BYTES))
  try {
    return new WebAssembly.Memory({ initial, maximum })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const requestedBytes = byteLength
    const none = { availableBytes: 0, largestFreeBytes: 0, usedBytes: 0, totalBytes: parent.limitBytes }
    const figures = { requestedBytes, ...none }
    throw new OutOfMemoryError(outOfMemoryText('the system', figures, error.message), figures, { cause: error })
  }
}

/** All that is not zero, so that what was never touched takes no memory in the fork either. */
function copyAll(parent: HeapCore, reason: string): ForkedMemory {
  const memory = makeMemory(parent)
  noteMade(memory)
  for (const file of parent.mappedFiles) file.copyInto(memory)
  const isElsewhere = (at: number) => parent.mappedFiles.spans.some(({ from, to }) => at >= from && at < to)
  const from = new Uint8Array(parent.memory.buffer)
  const words = new Int32Array(parent.memory.buffer)
  const to = new Uint8Array(memory.buffer)
  let copiedBytes = 0
  for (let at = 0; at < from.length; at += WASM_PAGE_BYTES) {
    if (isElsewhere(at) || isZero(words, at >>> 2, (at + WASM_PAGE_BYTES) / 4)) continue
    to.set(from.subarray(at, at + WASM_PAGE_BYTES), at)
    copiedBytes += WASM_PAGE_BYTES
  }
  const none = { foldedBytes: 0, sharedBytes: 0, layers: 0, extents: 0, scannedBytes: 0, scanMethod: undefined }
  return { memory, result: { isCopyOnWrite: false, reason, copiedBytes, ...none } }
}

function isZero(words: Int32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (words[at] !== 0) return false
  return true
}
