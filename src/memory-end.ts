/**
 * The end of a memory that the library has made: with the last heap over it all its pages go back to the system at
 * once, rather than when JavaScript's collector finds it.
 *
 * Guarantee: a system that refuses, or has no such call, leaves the memory as it is and makes no close fail.
 */
import { HEAP_COMMITTED_AT, HEAP_TOP_AT, HEAP_ZERO_FROM_AT } from '../kernel/layout.js'
import type { HeapCore } from './core.js'
import { PlatformError } from './errors.js'
import type { PageSystem } from './platform/pages.js'

/** For less the system's calls are not loaded, which takes tens of milliseconds. */
export const LOAD_FROM_BYTES = 2 ** 20

/** Bytes that an open heap has held, at most. */
export function touchedBytes(core: HeapCore): number {
  const words = [HEAP_COMMITTED_AT, HEAP_TOP_AT, HEAP_ZERO_FROM_AT]
  return Math.max(...words.map((at) => core.word(at)))
}

/** Give all of a memory back. False: it stays. */
export function giveBackAll(memory: WebAssembly.Memory, pages: PageSystem | undefined): boolean {
  if (!pages?.can.decommit) return false
  try {
    return pages.decommit(memory, 0, memory.buffer.byteLength)
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    return false
  }
}
