/**
 * The count of live blocks and bytes.
 *
 * Of small blocks nothing is counted one by one but `used` in their page: a second count cost 2 ns of a 14 ns pair.
 * What lives in pages is summed when it is asked for: full pages are kept as a sum per class, current and partial ones
 * are looked at. All other blocks are counted in one 64-bit word, bytes (usable sizes) in the low 34 bits, blocks
 * above.
 *
 * So the peak is a high-water mark of samples: it is taken whenever a request made the heap grow, and when it is read.
 */
import { FLAG_BUMP, LIVE_BLOCK_SHIFT } from '../layout'
import { Page, classInfo, context, currentPage, heap } from '../overlay'

const ONE_BLOCK: u64 = (<u64>1) << LIVE_BLOCK_SHIFT
const BYTES_MASK: u64 = ONE_BLOCK - 1

/** A block that lies in no page has been allocated. */
// @ts-ignore: decorator
@inline
export function countAlloc(bytes: u32): void {
  context().live += ONE_BLOCK + <u64>bytes
}

/** A block that lies in no page has been freed. */
// @ts-ignore: decorator
@inline
export function countFree(bytes: u32): void {
  context().live -= ONE_BLOCK + <u64>bytes
}

/** A live block that lies in no page has changed its usable size. */
// @ts-ignore: decorator
@inline
export function countResize(from: u32, to: u32): void {
  context().live += <u64>to - <u64>from
}

/** `blocks` blocks of `bytes` each, in no page, have been freed. */
export function countFreeMany(blocks: u32, bytes: u32): void {
  context().live -= <u64>blocks * (ONE_BLOCK + <u64>bytes)
}

/** Live small blocks of class `index`, the heap's own records among them. */
export function usedOfClass(index: u32): u32 {
  const info = classInfo(index)
  // The empty page has no used blocks.
  let used = info.fullBlocks + <u32>currentPage(index).used
  for (let place = info.partial; place; place = changetype<Page>(place).next) used += <u32>changetype<Page>(place).used
  return used
}

/** Bytes of the heap's own records that lie in pages. */
// @ts-ignore: decorator
@inline
function recordBytes(): u32 {
  return heap().flags & FLAG_BUMP ? 0 : heap().recordBytes
}

export function liveBytes(): u32 {
  let bytes = <u32>(context().live & BYTES_MASK) - recordBytes()
  for (let index: u32 = 1; index <= heap().classCount; index++) {
    bytes += usedOfClass(index) * <u32>classInfo(index).blockBytes
  }
  return bytes
}

export function liveBlocks(): u32 {
  let blocks = <u32>(context().live >> LIVE_BLOCK_SHIFT) - heap().recordBlocks
  for (let index: u32 = 1; index <= heap().classCount; index++) blocks += usedOfClass(index)
  return blocks
}

/** Take a sample for the peak. */
export function samplePeak(): void {
  const bytes = liveBytes()
  if (bytes <= context().peakBytes) return
  context().peakBytes = bytes
  heap().committedAtPeakBytes = heap().committedBytes
}
