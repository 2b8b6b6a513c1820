/** The verifier's part for pages and size classes. */
import {
  CODE_BLOCK,
  CODE_NONE,
  CODE_RECORD,
  FAULT_CLASS,
  FAULT_FREE_LIST,
  FAULT_MAP,
  FAULT_NONE,
  FAULT_PAGE,
  FAULT_PAGE_COUNT,
  GRANULE_SHIFT,
  PAGE_BYTES,
  PAGE_CURRENT,
  PAGE_UNITS_MAX,
  UNIT_BYTES,
  UNIT_SHIFT,
} from '../layout'
import {
  Entry,
  Page,
  addressOf,
  chunkOf,
  classInfo,
  currentPage,
  emptyPage,
  entryOf,
  heap,
  holds,
  mapAt,
  pageStart,
} from '../overlay'
import { classUnitsAt, fault, totals } from './totals'

/** Units of the page that begins at `at`, whose first unit has a head; 0 with the fault noted. */
export function checkPage(entry: Entry, at: usize): u32 {
  const head = entry.unitBias + ((at >> UNIT_SHIFT) << 5)
  const page = changetype<Page>(head)
  const units = <u32>page.units
  const index = <u32>page.classIndex
  if (!units || units > PAGE_UNITS_MAX || at + (<usize>units << UNIT_SHIFT) > chunkOf(entry).hi)
    return failed(FAULT_PAGE, at)
  for (let i: u32 = 0; i < units; i++) if (load<usize>(head + i * PAGE_BYTES) != head) return failed(FAULT_PAGE, at)
  if (!index || index > heap().classCount || page.blockBytes != classInfo(index).blockBytes)
    return failed(FAULT_PAGE, at)
  const bytes = <u32>page.blockBytes
  if (<u32>page.capacity != (units << UNIT_SHIFT) / bytes || page.carved > page.capacity) return failed(FAULT_PAGE, at)
  if (page.mapBias != entry.mapBias || !stateOk(page)) return failed(FAULT_PAGE, at)
  if (!checkSlots(entry, page, at)) return 0
  const free = checkFreeList(entry, page, at)
  if (free > page.capacity) return failed(FAULT_FREE_LIST, at)
  if (<u32>page.used + free != <u32>page.carved) return failed(FAULT_PAGE_COUNT, at)
  totals().pageBytes += units << UNIT_SHIFT
  totals().slots += page.capacity
  if (page.used == page.capacity && page.slowAt != <u16>PAGE_CURRENT) totals().fullBlocks += page.used
  store<u32>(classUnitsAt(index), load<u32>(classUnitsAt(index)) + units)
  store<u32>(classUnitsAt(index), load<u32>(classUnitsAt(index), 4) + 1, 4)
  return units
}

function failed(code: u32, at: usize): u32 {
  fault(code, at)
  return 0
}

/** Current, full or partial: `slowAt` must say which. */
function stateOk(page: Page): bool {
  if (page.used > page.capacity) return false
  if (addressOf(currentPage(page.classIndex)) == addressOf(page)) return page.slowAt == <u16>PAGE_CURRENT
  if (page.used == page.capacity) return page.slowAt == page.capacity - 1
  return page.slowAt == 0 && page.used != 0
}

/** The map of a page: BLOCK or RECORD at `used` slots, nothing else anywhere. */
function checkSlots(entry: Entry, page: Page, at: usize): bool {
  const stride = <u32>page.blockBytes >> GRANULE_SHIFT
  const granules = (<u32>page.units * UNIT_BYTES) >> GRANULE_SHIFT
  const map = mapAt(entry, at)
  let live: u32 = 0
  for (let i: u32 = 0; i < granules; i++) {
    const code = <u32>load<u8>(map + i)
    if (code == CODE_NONE) continue
    if (i % stride || i >= <u32>page.carved * stride) return failed(FAULT_MAP, at + (i << GRANULE_SHIFT)) != 0
    live++
    if (code == CODE_BLOCK) {
      totals().liveBlocks++
      totals().liveBytes += page.blockBytes
    } else if (code == CODE_RECORD) totals().recordBytes += page.blockBytes
    else return failed(FAULT_MAP, at + (i << GRANULE_SHIFT)) != 0
  }
  return live == <u32>page.used || failed(FAULT_PAGE_COUNT, at) != 0
}

/** Length of a page's free list, or more than its capacity when a link leads astray. */
function checkFreeList(entry: Entry, page: Page, at: usize): u32 {
  const bytes = <u32>page.blockBytes
  const end = at + <u32>page.carved * bytes
  let count: u32 = 0
  for (let block = page.free; block; block = load<usize>(block)) {
    if (block < at || block >= end || (block - at) % bytes || load<u8>(mapAt(entry, block))) return u32.MAX_VALUE
    if (++count > <u32>page.carved) return u32.MAX_VALUE
  }
  return count
}

/** The classes' own counts and lists against the pages found. */
export function checkClasses(): u32 {
  let slots: u32 = 0
  let fullBlocks: u32 = 0
  for (let index: u32 = 1; index <= heap().classCount; index++) {
    const info = classInfo(index)
    if (info.units != load<u32>(classUnitsAt(index)) || info.pages != load<u32>(classUnitsAt(index), 4))
      return fault(FAULT_CLASS, addressOf(info))
    if (!checkPartial(index)) return fault(FAULT_CLASS, addressOf(info))
    const current = addressOf(currentPage(index))
    if (current != emptyPage() && (!isPageOf(current, index) || changetype<Page>(current).slowAt != <u16>PAGE_CURRENT))
      return fault(FAULT_CLASS, current)
    slots += info.slots
    fullBlocks += info.fullBlocks
  }
  const same = slots == totals().slots && fullBlocks == totals().fullBlocks
  return same ? FAULT_NONE : fault(FAULT_CLASS, addressOf(classInfo(0)))
}

function checkPartial(index: u32): bool {
  const info = classInfo(index)
  let before: usize = 0
  let count: u32 = 0
  for (let place = info.partial; place; place = changetype<Page>(place).next) {
    if (!isPageOf(place, index)) return false
    const page = changetype<Page>(place)
    if (page.prev != before || page.slowAt || ++count > info.pages) return false
    before = place
  }
  return true
}

/** Whether `place` is the descriptor of a page of class `index`. Any address may be asked. */
function isPageOf(place: usize, index: u32): bool {
  const entry = entryOf(place)
  if (!entry.spanGranules || place < entry.unitBias) return false
  const chunk = chunkOf(entry)
  if (place < chunk.metadataAt || place >= chunk.lo) return false
  const page = changetype<Page>(place)
  return holds(entry, pageStart(page)) && page.head == place && <u32>page.classIndex == index
}
