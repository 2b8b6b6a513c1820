/**
 * malloc and free. The fast paths stand on top; each rare case is one call out of line.
 *
 *   alloc   class of the size, its page, pop the page's free list, count, set the map byte
 *   free    range and alignment, map byte, clear it, push, count; only a page that was full or becomes empty goes on
 *
 * Guarantee: a refused call changes nothing. No argument traps.
 */
import {
  ALIGN_MAX_BYTES,
  CODE_BLOCK,
  CODE_HUGE,
  CODE_LENT,
  CODE_POOL_BLOCK,
  CODE_RECORD,
  CODE_RUN,
  CODE_RUN_OWNED,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  KNOB_POISON,
  POISON_FREED,
  POISON_FRESH,
  REQUEST_MAX_BYTES,
  RUN_MAX_GRANULES,
  SMALL_MAX_BYTES,
  STATUS_FOREIGN,
  STATUS_MISALIGNED,
  STATUS_NOT_A_BLOCK,
  STATUS_OK,
  STATUS_OWNED,
  STATUS_SIZE_MISMATCH,
  UNIT_BYTES,
} from '../layout'
import { MAP_OBJECT } from '../object-layout'
import { isPowerOfTwo } from '../bits/align'
import { IN_GUEST, check } from '../host'
import {
  Page,
  classInfo,
  classOf,
  currentPage,
  entryOf,
  heap,
  holds,
  isBumping,
  knob,
  mapAt,
  pageOf,
} from '../overlay'
import { allocFreeRun, allocOrGrowRun } from '../region/grow'
import { allocHuge, hugeAround, hugeBytes, isHugeCode, releaseHuge } from '../region/huge'
import { slotBytes } from '../region/piece'
import { freeRunAt, runGranules } from '../region/runs'
import { granulesFromStart, untagLive } from '../region/tags'
import { bumpAlloc, bumpBlockBytes, bumpFree, isBumpBlock } from './bump'
import { countAlloc, countFree, samplePeak } from './count'
import { pageSlow, refill, releaseEmptyPages } from './page'

/** A block of at least `size` bytes at a multiple of 16, or 0. `size` 0 gives a block of the smallest class. */
export function alloc(size: u32): usize {
  const block = allocFast(size)
  return block ? block : allocSlow(size)
}

/** The straight way: a block from the class's current page, or 0 when it takes more. */
// @ts-ignore: decorator
@inline
export function allocFast(size: u32): usize {
  if (size > SMALL_MAX_BYTES) return 0
  const page = currentPage(classOf((size + 15) >> GRANULE_SHIFT))
  const block = page.free
  return block ? pop(page, block) : 0
}

// @ts-ignore: decorator
@inline
function pop(page: Page, block: usize): usize {
  page.free = load<usize>(block)
  page.used++
  store<u8>(page.mapBias + (block >> GRANULE_SHIFT), <u8>CODE_BLOCK)
  if (knob(KNOB_POISON)) memory.fill(block, <u8>POISON_FRESH, page.blockBytes)
  return block
}

/** The long way, when `allocFast` gave nothing. */
export function allocSlow(size: u32): usize {
  if (size > REQUEST_MAX_BYTES) return 0
  if (isBumping()) return bumpAlloc(size)
  return allocByLongWay(smallClass(size), size, GRANULE_BYTES)
}

/** A block of class `index`, or with 0 a larger one; before it fails, pages kept without need are given up. */
function allocByLongWay(index: u32, size: u32, alignment: u32): usize {
  const committed = heap().committedBytes
  let block = index ? allocOfClass(index) : allocLarge(size, alignment)
  if (!block && releaseEmptyPages()) block = index ? allocOfClass(index) : allocLarge(size, alignment)
  if (heap().committedBytes != committed) samplePeak()
  return block
}

/** A block of class `index` by the long way. */
function allocOfClass(index: u32): usize {
  let page = currentPage(index)
  if (!page.free) {
    if (!refill(index)) return 0
    page = currentPage(index)
  }
  check(page.free != 0, 701, index)
  return pop(page, page.free)
}

/** A run or a huge block for `size` bytes at a multiple of `alignment`. */
export function allocLarge(size: u32, alignment: u32): usize {
  const granules = runGranules(size)
  const slack = (alignment >> GRANULE_SHIFT) - 1
  if (granules + slack <= RUN_MAX_GRANULES) {
    let run = allocFreeRun(granules, alignment, CODE_RUN)
    if (!run && releaseEmptyPages()) run = allocFreeRun(granules, alignment, CODE_RUN)
    if (!run) run = allocOrGrowRun(granules, alignment, CODE_RUN)
    if (run) {
      heap().runBytes += granules << GRANULE_SHIFT
      countAlloc(granules << GRANULE_SHIFT)
      if (knob(KNOB_POISON)) memory.fill(run, <u8>POISON_FRESH, granules << GRANULE_SHIFT)
    }
    return run
  }
  const block = allocHuge(size, alignment, CODE_HUGE)
  if (block) countAlloc(hugeBytes(block, CODE_HUGE))
  return block
}

/** Like `alloc`, with every usable byte zero. */
export function allocZeroed(size: u32): usize {
  const block = alloc(size)
  if (block) memory.fill(block, 0, usableSize(block))
  return block
}

/** A block at a multiple of `alignment`, a power of two up to 64 KiB; 0 when out of memory or the alignment is none. */
export function allocAligned(size: u32, alignment: u32): usize {
  if (alignment <= GRANULE_BYTES) return isPowerOfTwo(alignment) ? alloc(size) : 0
  if (!isPowerOfTwo(alignment) || alignment > ALIGN_MAX_BYTES || size > REQUEST_MAX_BYTES) return 0
  return allocByLongWay(alignedClass(size, alignment), size, alignment)
}

/** A class whose blocks all lie at multiples of `alignment` and is not much larger than asked for, or 0. */
export function alignedClass(size: u32, alignment: u32): u32 {
  if (alignment > UNIT_BYTES || size > SMALL_MAX_BYTES || isBumping()) return 0
  const wanted = max<u32>((size + alignment - 1) & ~(alignment - 1), alignment)
  if (wanted > SMALL_MAX_BYTES) return 0
  for (let index = classOf(wanted >> GRANULE_SHIFT); index && index <= heap().classCount; index++) {
    const bytes = <u32>classInfo(index).blockBytes
    if (bytes > wanted << 1) return 0
    if (!(bytes & (alignment - 1))) return index
  }
  return 0
}

/** Free the block at `p`. Null is nothing to do. Anything but a live block's address is refused with its status. */
export function free(p: usize): u32 {
  const entry = entryOf(p)
  if (holds(entry, p)) {
    const map = mapAt(entry, p)
    const code = <u32>load<u8>(map)
    if (code == CODE_BLOCK) {
      const page = pageOf(entry, p)
      store<u8>(map, 0)
      if (knob(KNOB_POISON)) memory.fill(p, <u8>POISON_FREED, page.blockBytes)
      store<usize>(p, page.free)
      page.free = p
      const used = page.used - 1
      page.used = used
      if (used == page.slowAt) pageSlow(page)
      return STATUS_OK
    }
    return freeOther(p, map, code)
  }
  return freeOutside(p)
}

/** Free what starts at `p` with map byte `code`, which is no small block's. */
function freeOther(p: usize, map: usize, code: u32): u32 {
  if (code == CODE_RUN) {
    const granules = granulesFromStart(map)
    if (knob(KNOB_POISON)) memory.fill(p, <u8>POISON_FREED, granules << GRANULE_SHIFT)
    heap().runBytes -= granules << GRANULE_SHIFT
    countFree(granules << GRANULE_SHIFT)
    untagLive(map)
    freeRunAt(p, map, granules)
    return STATUS_OK
  }
  if (code == CODE_HUGE) return freeHuge(p)
  if (isBumpBlock(code)) return bumpFree(p)
  const isOwned = code == CODE_RECORD || code == CODE_POOL_BLOCK || code == CODE_RUN_OWNED || code == CODE_LENT
  return refuseFree(isOwned || code >= MAP_OBJECT ? STATUS_OWNED : STATUS_NOT_A_BLOCK)
}

/** Free a huge block that starts at a MiB boundary, or refuse an address that is in no chunk. */
function freeOutside(p: usize): u32 {
  if (!p) return STATUS_OK
  return hugeBytes(p, CODE_HUGE) ? freeHuge(p) : refuseFree(addressStatus(p))
}

/** Nobody in a guest looks at what `free` answers: it is counted. */
function refuseFree(status: u32): u32 {
  if (IN_GUEST) heap().badFrees++
  return status
}

function freeHuge(p: usize): u32 {
  const bytes = hugeBytes(p, CODE_HUGE)
  countFree(bytes)
  releaseHuge(p, bytes, CODE_HUGE)
  return STATUS_OK
}

/** Whether `p` lies in a chunk of ours and is aligned, as a status. */
export function addressStatus(p: usize): u32 {
  const entry = entryOf(p)
  if (holds(entry, p)) return STATUS_OK
  if (p & (GRANULE_BYTES - 1)) return STATUS_MISALIGNED
  return hugeAround(p) ? STATUS_NOT_A_BLOCK : STATUS_FOREIGN
}

/** Usable bytes of the live user block at `p`, 0 when there is none. Any `p` may be asked. */
export function usableSize(p: usize): u32 {
  const entry = entryOf(p)
  if (!holds(entry, p)) return hugeBytes(p, CODE_HUGE)
  const map = mapAt(entry, p)
  const code = <u32>load<u8>(map)
  if (code == CODE_BLOCK) return pageOf(entry, p).blockBytes
  if (code == CODE_RUN) return granulesFromStart(map) << GRANULE_SHIFT
  if (code == CODE_HUGE) return hugeBytes(p, CODE_HUGE)
  if (code == CODE_POOL_BLOCK) return slotBytes(p)
  return isBumpBlock(code) ? bumpBlockBytes(p) : 0
}

export function isBlock(p: usize): bool {
  return usableSize(p) != 0
}

/** Free the block at `p` if it is of the class, or of the length, that `alloc(size)` or an aligned alloc gives. */
export function freeSized(p: usize, size: u32, alignment: u32): u32 {
  if (!p) return STATUS_OK
  const usable = usableSize(p)
  if (usable && !sizeMatches(p, usable, size, alignment)) return STATUS_SIZE_MISMATCH
  return free(p)
}

function sizeMatches(p: usize, usable: u32, size: u32, alignment: u32): bool {
  if (size > REQUEST_MAX_BYTES) return false
  const entry = entryOf(p)
  const code = holds(entry, p) ? <u32>load<u8>(mapAt(entry, p)) : CODE_HUGE
  // Refused by `free`, which knows better why.
  if (code == CODE_POOL_BLOCK) return true
  if (isHugeCode(code)) return size <= usable && usable - size < 2 << 20
  if (isBumpBlock(code)) return size <= usable
  const index = alignment > GRANULE_BYTES ? alignedClass(size, alignment) : smallClass(size)
  if (code == CODE_BLOCK) return index == <u32>pageOf(entry, p).classIndex
  return !index && runGranules(size) << GRANULE_SHIFT == usable
}

/** Class of a request of `size` bytes, 0 when it goes to a run. */
// @ts-ignore: decorator
@inline
export function smallClass(size: u32): u32 {
  return size <= SMALL_MAX_BYTES ? classOf((size + 15) >> GRANULE_SHIFT) : 0
}

/** Status of an address that is to be freed, without freeing it. */
export function freeStatus(p: usize): u32 {
  if (usableSize(p)) return STATUS_OK
  const status = addressStatus(p)
  return status == STATUS_OK ? STATUS_NOT_A_BLOCK : p ? status : STATUS_FOREIGN
}
