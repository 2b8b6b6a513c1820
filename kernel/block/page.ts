/**
 * Pages of small blocks of one class, and the way a page takes through its states:
 *
 *   current   the page its class allocates from; slowAt = CURRENT: free() never leaves the fast path on it
 *   full      no free block, in no list; slowAt = capacity - 1: the first free() puts it into the list of partial pages
 *   partial   in the list, newest first; slowAt = 0: the last free() gives its units back
 *
 * Each change costs constant time. Free blocks are linked through their first word, fresh ones are carved a unit at a
 * time, so that memory is not touched before it is needed. (The three states and the current page per class are
 * mimalloc's, Leijen et al., MSR-TR-2019-18.)
 *
 * Guarantee: used + |free| + (capacity - carved) = capacity; the map byte of each live slot is set, all others are
 * zero.
 */
import { check } from '../host'
import { PAGE_BYTES, PAGE_CURRENT, UNIT_BYTES, UNIT_GRANULES, UNIT_SHIFT } from '../layout'
import {
  Page,
  addressOf,
  classInfo,
  currentPage,
  emptyPage,
  entryOf,
  heap,
  pageStart,
  setCurrentPage,
} from '../overlay'
import { growForRun } from '../region/grow'
import { allocUnits, freeRun } from '../region/runs'
import { nextPageUnits } from './classes'
import { samplePeakIfDue } from './count'

/** Give class `index` a current page with a free block. False when out of memory; the class is then as before. */
export function refill(index: u32): bool {
  const page = currentPage(index)
  if (addressOf(page) != emptyPage()) {
    if (carve(page)) return true
    page.slowAt = page.capacity - 1
    classInfo(index).fullBlocks += page.capacity
    setCurrentPage(index, emptyPage())
  }
  const next = takePartial(index)
  if (next) {
    const partial = changetype<Page>(next)
    partial.slowAt = <u16>PAGE_CURRENT
    setCurrentPage(index, next)
    return partial.free != 0 || carve(partial)
  }
  return makePage(index)
}

/** Link the next unit's worth of fresh blocks of a page without free ones. False when none is left. */
function carve(page: Page): bool {
  const carved = <u32>page.carved
  const left = <u32>page.capacity - carved
  if (!left) return false
  const bytes = <u32>page.blockBytes
  const count = min<u32>(max<u32>(UNIT_BYTES / bytes, 1), left)
  const first = pageStart(page) + carved * bytes
  const last = first + (count - 1) * bytes
  for (let block = first; block < last; block += bytes) store<usize>(block, block + bytes)
  store<usize>(last, 0)
  page.carved = <u16>(carved + count)
  page.free = first
  return true
}

function makePage(index: u32): bool {
  let units = nextPageUnits(index)
  let start = allocUnits(units)
  // Pages that other classes keep without need come before growth; at the limit a smaller page may still find room.
  if (!start && releaseEmptyPages()) start = allocUnits(units)
  while (!start) {
    if (growForRun(units * UNIT_GRANULES + UNIT_GRANULES - 1)) start = allocUnits(units)
    else if (units > leastUnits(index)) {
      units = max<u32>(units >> 1, leastUnits(index))
      start = allocUnits(units)
    } else return false
  }
  const info = classInfo(index)
  const entry = entryOf(start)
  const head = entry.unitBias + ((start >> UNIT_SHIFT) << 5)
  for (let i: u32 = 0; i < units; i++) store<usize>(head + i * PAGE_BYTES, head)
  const page = changetype<Page>(head)
  page.free = 0
  page.used = 0
  page.slowAt = <u16>PAGE_CURRENT
  page.mapBias = entry.mapBias
  page.blockBytes = info.blockBytes
  page.classIndex = <u8>index
  page.units = <u8>units
  page.carved = 0
  page.capacity = <u16>((units << UNIT_SHIFT) / <u32>info.blockBytes)
  info.units += units
  info.pages++
  info.slots += page.capacity
  heap().pageBytes += units << UNIT_SHIFT
  setCurrentPage(index, head)
  return carve(page)
}

/** Fewest units that hold a block of class `index`. */
function leastUnits(index: u32): u32 {
  return (<u32>classInfo(index).blockBytes + UNIT_BYTES - 1) >> UNIT_SHIFT
}

/**
 * What free() calls when `used` has come to `slowAt`: a full page has a free block again, or a partial one is empty. A
 * page of one block goes from full to empty without ever standing in the list.
 */
export function pageSlow(page: Page): void {
  check(page.slowAt != <u16>PAGE_CURRENT, 601, addressOf(page))
  if (page.slowAt) {
    // The page still counts as full: the sample is of the moment before this block was freed.
    samplePeakIfDue()
    classInfo(page.classIndex).fullBlocks -= page.capacity
    putPartial(page)
    return
  }
  if (page.capacity > 1) dropPartial(page)
  else classInfo(page.classIndex).fullBlocks--
  releasePage(page)
}

/** Give an empty page's units back. Its map bytes are zero: each free cleared its own. */
export function releasePage(page: Page): void {
  const units = <u32>page.units
  const start = pageStart(page)
  const info = classInfo(page.classIndex)
  info.units -= units
  info.pages--
  info.slots -= page.capacity
  heap().pageBytes -= units << UNIT_SHIFT
  const head = addressOf(page)
  for (let i: u32 = 0; i < units; i++) store<usize>(head + i * PAGE_BYTES, 0)
  freeRun(start, units * UNIT_GRANULES)
}

/** Give back every current page without live blocks; the bytes given back. */
export function releaseEmptyPages(): u32 {
  let bytes: u32 = 0
  for (let index: u32 = 1; index <= heap().classCount; index++) {
    const page = currentPage(index)
    if (addressOf(page) == emptyPage() || page.used) continue
    bytes += <u32>page.units << UNIT_SHIFT
    setCurrentPage(index, emptyPage())
    releasePage(page)
  }
  return bytes
}

function putPartial(page: Page): void {
  const info = classInfo(page.classIndex)
  const first = info.partial
  page.slowAt = 0
  page.next = first
  page.prev = 0
  if (first) changetype<Page>(first).prev = addressOf(page)
  info.partial = addressOf(page)
}

function dropPartial(page: Page): void {
  if (page.next) changetype<Page>(page.next).prev = page.prev
  if (page.prev) changetype<Page>(page.prev).next = page.next
  else classInfo(page.classIndex).partial = page.next
}

function takePartial(index: u32): usize {
  const first = classInfo(index).partial
  if (first) dropPartial(changetype<Page>(first))
  return first
}
