/**
 * The count of live blocks and bytes.
 *
 * Of small blocks nothing is counted one by one but `used` in their page: a second count cost 2 ns of a 14 ns pair.
 * What lives in pages is summed when it is asked for: full pages are kept as a sum per class, current and partial ones
 * are looked at. All other blocks are counted in one 64-bit word, bytes (usable sizes) in the low 34 bits, blocks
 * above.
 *
 * So the peak is a high-water mark of samples: one is taken when a request makes the heap grow, at the first free into
 * a full page after a page was made, before a large block, an arena's or a pool's memory is given back, and when the
 * peak is read. What comes and goes in between inside the pages that are there can be missed.
 */
import { LIVE_BLOCK_SHIFT } from '../layout'
import { Page, classInfo, context, currentPage, heap, isBumping } from '../overlay'

/** Freeing a block of this size is rare enough to look at the peak. */
const SAMPLED_BYTES: u32 = 64 << 10

/** Units of 4 GiB. */
const PAGES_MAX: u32 = 1 << 20

const ONE_BLOCK: u64 = (<u64>1) << LIVE_BLOCK_SHIFT
const BYTES_MASK: u64 = ONE_BLOCK - 1

/** A block that lies in no page has been allocated. */
// @ts-ignore: decorator
@inline
export function countAlloc(bytes: u32): void {
  context().live += ONE_BLOCK + <u64>bytes
}

/** A block that lies in no page is freed. */
// @ts-ignore: decorator
@inline
export function countFree(bytes: u32): void {
  if (bytes >= SAMPLED_BYTES) samplePeakIfDue()
  context().live -= ONE_BLOCK + <u64>bytes
}

/** A live block that lies in no page has changed its usable size. */
// @ts-ignore: decorator
@inline
export function countResize(from: u32, to: u32): void {
  if (from >= SAMPLED_BYTES) samplePeakIfDue()
  context().live += <u64>to - <u64>from
}

/** `blocks` blocks of `bytes` each, in no page, are freed. */
export function countFreeMany(blocks: u32, bytes: u32): void {
  samplePeak()
  context().live -= <u64>blocks * (ONE_BLOCK + <u64>bytes)
}

/** Live small blocks of class `index`, the heap's own records among them. */
export function usedOfClass(index: u32): u32 {
  const info = classInfo(index)
  // The empty page has no used blocks.
  let used = info.fullBlocks + <u32>currentPage(index).used
  // No more than there can be, so that the sum ends on a list that was overwritten.
  let left = min<u32>(info.pages, PAGES_MAX)
  for (let place = info.partial; place && left; place = changetype<Page>(place).next) {
    used += <u32>changetype<Page>(place).used
    left--
  }
  return used
}

/** Bytes of the heap's own records that lie in pages. */
// @ts-ignore: decorator
@inline
function recordBytes(): u32 {
  return isBumping() ? 0 : heap().recordBytes
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

/** Live bytes that lie in no page, with what tenants have. */
function otherBytes(): u32 {
  return <u32>(context().live & BYTES_MASK) + heap().lentBytes
}

/**
 * Take a sample if there can be a new peak: pages or all other blocks hold more than at any sample before. A sample
 * looks at every partial page, so what comes and goes at one height must not take one each time.
 */
export function samplePeakIfDue(): void {
  const others = otherBytes()
  if (others > heap().sampledOtherBytes || heap().pageBytes > context().sampledPageBytes) samplePeak()
}

/** Take a sample for the peak. */
export function samplePeak(): void {
  samplePeakWith(0)
}

/** The same with `arenaBytes` in use in arenas beside the blocks. */
export function samplePeakWith(arenaBytes: u32): void {
  const c = context()
  heap().sampledOtherBytes = max<u32>(heap().sampledOtherBytes, otherBytes())
  c.sampledPageBytes = max<u32>(c.sampledPageBytes, heap().pageBytes)
  const bytes = liveBytes() + arenaBytes + heap().lentBytes
  if (bytes <= context().peakBytes) return
  context().peakBytes = bytes
  heap().committedAtPeakBytes = heap().committedBytes
}
