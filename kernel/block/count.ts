/**
 * The count of live blocks and bytes: one 64-bit word, bytes (usable sizes) in the low 34 bits, blocks above, so that
 * one addition counts both. The peak is looked at when a block is freed: only then can the count have been higher than
 * now.
 */
import { LIVE_BLOCK_SHIFT } from '../layout'
import { context, heap } from '../overlay'

const ONE_BLOCK: u64 = (<u64>1) << LIVE_BLOCK_SHIFT
const BYTES_MASK: u64 = ONE_BLOCK - 1

// @ts-ignore: decorator
@inline
export function countAlloc(bytes: u32): void {
  context().live += ONE_BLOCK + <u64>bytes
}

// @ts-ignore: decorator
@inline
export function countFree(bytes: u32): void {
  const live = context().live
  if (<u32>live > context().peakBytes) notePeak(<u32>live)
  context().live = live - (ONE_BLOCK + <u64>bytes)
}

/** A live block has changed its usable size. */
// @ts-ignore: decorator
@inline
export function countResize(from: u32, to: u32): void {
  const live = context().live
  if (<u32>live > context().peakBytes) notePeak(<u32>live)
  context().live = live - <u64>from + <u64>to
}

/** Take a block out of the count of live ones: the heap keeps it for itself. */
export function uncount(bytes: u32): void {
  context().live -= ONE_BLOCK + <u64>bytes
}

/** `blocks` blocks of `bytes` each have been freed. */
export function countFreeMany(blocks: u32, bytes: u32): void {
  refreshPeak()
  context().live -= <u64>blocks * (ONE_BLOCK + <u64>bytes)
}

function notePeak(bytes: u32): void {
  context().peakBytes = bytes
  heap().committedAtPeakBytes = heap().committedBytes
}

/** Bring the peak up to date: before it is read. */
export function refreshPeak(): void {
  const bytes = <u32>(context().live & BYTES_MASK)
  if (bytes > context().peakBytes) notePeak(bytes)
}

export function liveBytes(): u32 {
  return <u32>(context().live & BYTES_MASK)
}

export function liveBlocks(): u32 {
  return <u32>(context().live >> LIVE_BLOCK_SHIFT)
}

export function resetCount(): void {
  refreshPeak()
  context().live = 0
}
