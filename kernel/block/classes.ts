/**
 * Size classes of small blocks.
 *
 * `geometric`: 16 … 128 in steps of 16, then eight classes per doubling up to 2 KiB; a block is at most 12.5 % larger
 * than a request above 112 bytes, and at most 15 bytes larger below. (Four per doubling would waste up to 20 %.)
 * `wide`: the same up to 8 KiB, and in a guest one class more, a sixteenth above 512, 1024, 2048 and 4096: programs put
 * a few bytes in front of a power of two, and would get an eighth more. In a guest a replace of a block of 2 to 8 KiB
 * takes half of what a run takes, and 280 MB hold what 268 held (both: bench/experiments/RESULTS.md).
 * `pow2`: 16, 32 … 8192. A list: whatever its user says, ascending multiples of 16.
 *
 * Class 0 is "none": requests above the largest class find it and its empty page, and go to runs.
 */
import { isPowerOfTwo } from '../bits/align'
import { IN_GUEST } from '../host'
import {
  CLASS_MAX,
  CLASS_TABLE_LIST,
  CLASS_TABLE_POW2,
  CLASS_TABLE_WIDE,
  CONTEXT_CLASS_OF_AT,
  GEOMETRIC_MAX_BYTES,
  GRANULE_SHIFT,
  KNOB_LEAST_PAGES,
  PAGE_UNITS_FULL,
  PAGE_UNITS_MAX,
  SMALL_MAX_BYTES,
  UNIT_SHIFT,
} from '../layout'
import { classInfo, emptyPage, heap, knob, self, setCurrentPage } from '../overlay'

/** A full-grown page leaves at most one byte in this many out of reach. */
const FULL_TAIL_DIVISOR: u32 = 50

/** Append a class of `bytes`: a multiple of 16, above the last one, at most SMALL_MAX_BYTES. False when it is not. */
export function addClass(bytes: u32): bool {
  const index = heap().classCount + 1
  const before = index > 1 ? <u32>classInfo(index - 1).blockBytes : 0
  if (index >= CLASS_MAX || bytes <= before || bytes & 15 || bytes > SMALL_MAX_BYTES) return false
  const info = classInfo(index)
  info.blockBytes = <u16>bytes
  info.fullUnits = <u16>fullPageUnits(bytes)
  info.units = 0
  info.partial = 0
  info.pages = 0
  info.fullBlocks = 0
  info.slots = 0
  for (let granules = (before >> GRANULE_SHIFT) + 1; granules <= bytes >> GRANULE_SHIFT; granules++) {
    store<u8>(self + granules, <u8>index, CONTEXT_CLASS_OF_AT)
  }
  // A request of 0 bytes gets a block of the smallest class.
  if (index == 1) store<u8>(self, 1, CONTEXT_CLASS_OF_AT)
  setCurrentPage(index, emptyPage())
  heap().classCount = index
  return true
}

/** Fill the class table with one of the built-in ones; a list is added by its user. */
export function makeClasses(table: u32): void {
  if (table == CLASS_TABLE_POW2) {
    for (let bytes: u32 = 16; bytes <= SMALL_MAX_BYTES; bytes <<= 1) addClass(bytes)
  } else if (table != CLASS_TABLE_LIST) {
    const most = table == CLASS_TABLE_WIDE ? SMALL_MAX_BYTES : GEOMETRIC_MAX_BYTES
    let bytes: u32 = 16
    while (bytes <= most) {
      addClass(bytes)
      if (IN_GUEST && table == CLASS_TABLE_WIDE && isHeadedPower(bytes)) addClass(bytes + (bytes >> 4))
      bytes += bytes < 128 ? 16 : (<u32>1 << (31 - clz(bytes))) >> 3
    }
  }
}

/** Whether `bytes` is 512, 1024, 2048 or 4096. */
// @ts-ignore: decorator
@inline
function isHeadedPower(bytes: u32): bool {
  return bytes >= 512 && bytes < SMALL_MAX_BYTES && isPowerOfTwo(bytes)
}

/** Units of a full-grown page: 16, a few fewer or as many more as it takes to bring the tail under 2 %. */
function fullPageUnits(bytes: u32): u32 {
  for (let units = PAGE_UNITS_FULL; units > PAGE_UNITS_FULL / 2; units--) if (isTailShort(bytes, units)) return units
  let units = PAGE_UNITS_FULL + 1
  while (units < PAGE_UNITS_MAX && !isTailShort(bytes, units)) units++
  return units
}

// @ts-ignore: decorator
@inline
function isTailShort(bytes: u32, units: u32): bool {
  const page = units << UNIT_SHIFT
  return (page % bytes) * FULL_TAIL_DIVISOR <= page
}

/**
 * Units of the next page of a class: one for the first, then about half of what the class holds, up to the full-grown
 * page; a few more where that many would leave a long tail.
 */
export function nextPageUnits(index: u32): u32 {
  const info = classInfo(index)
  const bytes = <u32>info.blockBytes
  const full = <u32>info.fullUnits
  const held = knob(KNOB_LEAST_PAGES) ? 0 : info.units
  let units = max<u32>(held >> 1, bytes > 1 << UNIT_SHIFT ? bytes >> (UNIT_SHIFT - 1) : 1)
  if (held) {
    while (units < full && ((units << UNIT_SHIFT) % bytes) << 4 > units << UNIT_SHIFT) units++
  }
  return min<u32>(units, full)
}
