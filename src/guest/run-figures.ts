/** What a program has used of its memory, read from the heap that it has left. */

import { CorruptionError } from '../errors.js'
import { Heap } from '../heap.js'
import type { HeapStats } from '../types.js'
import type { AllocatorSource } from './plan.js'

/** Where the program's blocks come from. */
export interface AllocatorUse {
  readonly source: AllocatorSource
  /** The functions that were replaced, or are imported, by the names that the module has for them. */
  readonly functions: readonly string[]
}

/** What a program has of collected objects. */
export interface GuestObjectFigures {
  readonly collections: number
  /** Bytes that are held for objects at the end. */
  readonly heldBytes: number
  /** Objects that the last collection has found alive, and their bytes. */
  readonly liveObjects: number
  readonly liveBytes: number
}

/** Figures of the program's heap, in bytes and blocks. */
export interface GuestHeapFigures {
  /** Most bytes that it may hold. */
  readonly limitBytes: number
  /** Most usable bytes of live blocks. Sampled: what comes and goes inside memory that is held can be missed. */
  readonly livePeakBytes: number
  /** The most that it has held. Exact. */
  readonly committedPeakBytes: number
  /** What it holds at the end. */
  readonly committedBytes: number
  /** What was held over what was live when that was most; 0 when nothing ever was. */
  readonly fragmentationAtPeak: number
  /** At the end. */
  readonly liveBytes: number
  readonly liveBlocks: number
  /** Requests that were answered with null. */
  readonly refusedRequests: number
  /** The largest of them. */
  readonly refusedLargestBytes: number
  /** Frees of what was no live block, which were ignored. */
  readonly badFrees: number
  /** Of a program with collected objects. */
  readonly objects: GuestObjectFigures | undefined
  /** Times that the memory grew for the heap. */
  readonly grows: number
  /** What the heap's own check says of it: the rule that is broken. Undefined when all is well. */
  readonly fault: string | undefined
}

export interface GuestMemoryFigures {
  /** The memory's size at the end; it never shrinks. */
  readonly memoryBytes: number
  /** Undefined when its allocator is its own, or when it has overwritten the heap so that no figure can be read. */
  readonly heap: GuestHeapFigures | undefined
  /** Why no figure can be read. */
  readonly damage: string | undefined
}

/** The heap that a program has left, and its figures. */
export interface HeapLeft {
  readonly heap: Heap | undefined
  readonly figures: GuestMemoryFigures
}

/** @param at where the heap's control block lies; 0 when there is none */
export function readHeapLeft(memory: WebAssembly.Memory, at: number, name: string): HeapLeft {
  const memoryBytes = memory.buffer.byteLength
  if (at === 0) return { heap: undefined, figures: { memoryBytes, heap: undefined, damage: undefined } }
  let heap: Heap | undefined
  try {
    heap = Heap.attach(memory, at, { name })
    return { heap, figures: { memoryBytes, heap: readFigures(heap), damage: undefined } }
  } catch (error) {
    const isDamage = error instanceof CorruptionError || error instanceof WebAssembly.RuntimeError
    if (!isDamage && !(error instanceof RangeError)) throw error
    heap?.close()
    return { heap: undefined, figures: { memoryBytes, heap: undefined, damage: error.message } }
  }
}

function readFigures(heap: Heap): GuestHeapFigures {
  const verified = heap.verify()
  const stats = heap.stats()
  return {
    limitBytes: stats.limitBytes,
    livePeakBytes: stats.inUsePeakBytes,
    committedPeakBytes: stats.committedPeakBytes,
    committedBytes: stats.committedBytes,
    fragmentationAtPeak: stats.fragmentationAtPeak,
    liveBytes: stats.inUseBytes,
    liveBlocks: stats.liveBlocks,
    refusedRequests: stats.refusedRequests,
    refusedLargestBytes: stats.refusedLargestBytes,
    badFrees: stats.badFrees,
    objects: heap.mode === 'manual' ? undefined : objectsIn(stats),
    grows: stats.grows,
    fault: verified.ok ? undefined : verified.fault,
  }
}

function objectsIn({ collections, objectBytes, liveObjects, liveObjectBytes }: HeapStats): GuestObjectFigures {
  return { collections, heldBytes: objectBytes, liveObjects, liveBytes: liveObjectBytes }
}
