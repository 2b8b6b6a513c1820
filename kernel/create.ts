/**
 * Making a heap in its range, attaching to one that is there, and emptying one.
 *
 *   [ control block with its tables, see `region/control.ts` ] first chunk ...
 *
 * Guarantee: nothing outside [base, end) is touched; a refused call touches nothing at all.
 */
import { alignDown, alignUp } from './bits/align'
import { makeClasses } from './block/classes'
import { arenasUsed } from './arena/arena'
import { samplePeakWith } from './block/count'
import { IN_GUEST, hostGrow } from './host'
import {
  ADDRESS_LIMIT,
  CHUNK_BYTES,
  CHUNK_SHIFT,
  CLASS_MAX,
  CONTEXT_OFFSET,
  FLAG_BUMP,
  FLAG_COUNTED,
  FLAG_OWNS_RANGE,
  FLAG_PIECES,
  FLAG_ZEROED,
  HEAP_HEADER_BYTES,
  HEAP_MAGIC,
  LAYOUT_VERSION,
  STATUS_BAD_ARGUMENT,
  STATUS_CORRUPT,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  TABLE_ENTRY_BYTES,
  UNIT_BYTES,
  WASM_PAGE_BYTES,
} from './layout'
import {
  Context,
  Heap,
  NO_CONTEXT,
  addressOf,
  classInfo,
  context,
  emptyPage,
  entryOf,
  heap,
  setCurrentPage,
  setSelf,
} from './overlay'
import { makeChunk, metadataUnits, remakeChunk } from './region/chunk'
import {
  BINS_BYTES,
  SCRATCH_OFFSET,
  TABLE_OFFSET,
  controlBytes,
  tableEntries,
  tableMaskOf,
} from './region/control'
import { holdPieces } from './region/borrow'
import { takeHold } from './region/grow'
import { isForeignMib } from './region/huge'

/** End of a chunk from `from` on in a range up to `end`. */
function capIn(from: usize, end: usize): usize {
  const next = alignDown(from, CHUNK_BYTES) + CHUNK_BYTES
  return next - 1 < end - 1 ? next : end
}

/** Least end of a first chunk that begins at `from`, or at the next MiB if this one has no room for it. */
function firstMinimum(from: usize, end: usize): u64 {
  const cap = capIn(from, end)
  const here = <u64>from + <u64>(metadataUnits(from, cap) + 1) * UNIT_BYTES
  if (here <= <u64>cap || cap == end) return here
  return <u64>cap + <u64>(metadataUnits(cap, capIn(cap, end)) + 1) * UNIT_BYTES
}

/** Where the first chunk of a heap in [start, stop) begins: behind the control block and its tables. */
function firstChunkAt(start: usize, stop: usize): u64 {
  const bytes = TABLE_OFFSET + tableEntries(start, stop) * TABLE_ENTRY_BYTES
  return (<u64>start + <u64>bytes + UNIT_BYTES - 1) & ~(<u64>UNIT_BYTES - 1)
}

/** The range's end without a last piece of a MiB too short for a chunk. */
function usableEnd(from: usize, end: usize): usize {
  const boundary = alignDown(end, CHUNK_BYTES)
  if (boundary <= from || boundary == end) return end
  const least = boundary + <usize>(metadataUnits(boundary, end) + 1) * UNIT_BYTES
  return end < least ? boundary : end
}

/**
 * Make a heap in [base, end) of a memory, of which [base, held) exists. With FLAG_OWNS_RANGE all of the range is the
 * heap's; without it the heap holds [base, held), as far as the limit allows, and what it grows from the memory's end
 * on: `held` must be that end. `limitBytes` is the most it may hold. With FLAG_PIECES it is a tenant: [base, held) is
 * its home piece and `end` the end of its root heap's range.
 */
export function create(base: usize, held: usize, end: usize, limitBytes: u32, flags: u32, classTable: u32): u32 {
  if (!IN_GUEST && flags & FLAG_PIECES) return createTenant(base, held, end, limitBytes, flags, classTable)
  if (end > ADDRESS_LIMIT || base >= end || base > ADDRESS_LIMIT - CHUNK_BYTES) return STATUS_BAD_ARGUMENT
  const start = alignUp(base, UNIT_BYTES)
  let stop = alignDown(end, UNIT_BYTES)
  if (stop <= start) return STATUS_BAD_ARGUMENT
  if (firstChunkAt(start, stop) >= <u64>stop) return STATUS_BAD_ARGUMENT
  // A shorter range may need a smaller table; its first chunk then begins no later.
  stop = usableEnd(<usize>firstChunkAt(start, stop), stop)
  const entries = tableEntries(start, stop)
  const from = <usize>firstChunkAt(start, stop)
  const least = firstMinimum(from, stop)
  if (least > <u64>stop || least - <u64>start > <u64>limitBytes) return STATUS_BAD_ARGUMENT
  const grain = <u64>(flags & FLAG_OWNS_RANGE ? UNIT_BYTES : WASM_PAGE_BYTES)
  const top = min<u64>((least + grain - 1) & ~(grain - 1), <u64>stop)
  const wanted = <usize>(top - <u64>start <= <u64>limitBytes ? top : least)
  const first = flags & FLAG_OWNS_RANGE ? wanted : max(wanted, min(stop, presentEnd(start, held, limitBytes)))
  // A guest's limit may be raised, and its memory grows by whole pages from where it ends.
  if (IN_GUEST && first & (WASM_PAGE_BYTES - 1)) return STATUS_BAD_ARGUMENT
  const pages = <u32>((<u64>first + WASM_PAGE_BYTES - 1) >> 16)
  const present = <u32>memory.size()
  if (pages > present && hostGrow(pages - present) != <i32>present) return STATUS_OUT_OF_MEMORY
  fillControl(start, from, stop, entries)
  setUp(limitBytes, flags, classTable)
  heap().zeroFrom = flags & FLAG_ZEROED ? start : held
  takeHold(from, first)
  return STATUS_OK
}

/** End of what can be held at once of [start, held) in a shared range: what was not held would be nobody's. */
function presentEnd(start: usize, held: usize, limitBytes: u32): usize {
  const most = min<u64>(<u64>start + <u64>limitBytes, <u64>held)
  return <usize>most & ~(WASM_PAGE_BYTES - 1)
}

function setUp(limitBytes: u32, flags: u32, classTable: u32): void {
  const h = heap()
  h.flags = flags
  h.classTable = classTable
  h.limitBytes = limitBytes
  if (!(flags & FLAG_BUMP)) makeClasses(classTable)
}

/** Least pages of the home piece of a tenant, whose root heap's range ends at `end`. */
export function homePages(end: usize): u32 {
  const from = TABLE_OFFSET + tableEntries(0, end) * TABLE_ENTRY_BYTES
  // Enough for metadata and a unit, or a page more.
  return (alignUp(from, UNIT_BYTES) + 3 * UNIT_BYTES + WASM_PAGE_BYTES - 1) >> 16
}

function createTenant(home: usize, stop: usize, end: usize, limitBytes: u32, flags: u32, classTable: u32): u32 {
  if ((home | stop) & (WASM_PAGE_BYTES - 1) || !home || stop <= home) return STATUS_BAD_ARGUMENT
  if (end & (UNIT_BYTES - 1) || end > ADDRESS_LIMIT || stop > end) return STATUS_BAD_ARGUMENT
  if ((stop - 1) >> CHUNK_SHIFT != home >> CHUNK_SHIFT) return STATUS_BAD_ARGUMENT
  if (<u64>stop > <u64>(<u32>memory.size()) << 16 || stop - home > limitBytes) return STATUS_BAD_ARGUMENT
  if ((stop - home) >> 16 < homePages(end)) return STATUS_BAD_ARGUMENT
  const entries = tableEntries(0, end)
  const from = alignUp(home + TABLE_OFFSET + entries * TABLE_ENTRY_BYTES, UNIT_BYTES)
  fillControl(home, from, end, entries)
  setUp(limitBytes, flags, classTable)
  heap().zeroFrom = end
  holdPieces(from, stop)
  return STATUS_OK
}

/** Write the control block at `start` and make it this thread's. */
function fillControl(start: usize, from: usize, end: usize, entries: u32): void {
  memory.fill(start, 0, from - start)
  const h = changetype<Heap>(start)
  const c = changetype<Context>(start + CONTEXT_OFFSET)
  setSelf(addressOf(c))
  h.magic = HEAP_MAGIC
  h.version = LAYOUT_VERSION
  h.base = start
  h.low = start
  h.end = end
  h.top = from
  h.table = start + TABLE_OFFSET
  h.tableMask = (entries - 1) << 4
  h.context = addressOf(c)
  h.scratch = start + SCRATCH_OFFSET
  h.metadataBytes = from - start
  h.committedBytes = from - start
  c.heap = start
  c.table = h.table
  c.tableMask = h.tableMask
  setCurrentPage(0, emptyPage())
}

/** Use the heap whose control block lies at `at`. CORRUPT when there is none of this layout. */
export function attach(at: usize): u32 {
  const bytes = <u64>(<u32>memory.size()) << 16
  if (at & (UNIT_BYTES - 1) || <u64>at + TABLE_OFFSET > bytes) return STATUS_CORRUPT
  const h = changetype<Heap>(at)
  if (h.magic != HEAP_MAGIC || h.version != LAYOUT_VERSION || h.base != at) return STATUS_CORRUPT
  if (h.context != at + CONTEXT_OFFSET || h.table != at + TABLE_OFFSET || h.scratch != at + SCRATCH_OFFSET)
    return STATUS_CORRUPT
  if (h.end <= at || h.top > h.end || <u64>h.top > bytes || h.classCount >= CLASS_MAX) return STATUS_CORRUPT
  if (h.tableMask != tableMaskOf(h)) return STATUS_CORRUPT
  const c = changetype<Context>(h.context)
  if (c.heap != at || c.table != h.table || c.tableMask != h.tableMask) return STATUS_CORRUPT
  setSelf(h.context)
  return STATUS_OK
}

/**
 * Let go of the heap, whose memory is somebody else's from now on: a context behind the memory's end makes every later
 * call of this instance trap, whoever still has its functions.
 */
export function detach(): void {
  setSelf(NO_CONTEXT)
}

/**
 * Free everything at once: blocks, arenas, pools. Costs a look at each MiB held and clearing its metadata, whatever the
 * number of blocks.
 */
export function reset(): void {
  samplePeakWith(arenasUsed())
  const h = heap()
  const firstMib = <u32>(h.low >> CHUNK_SHIFT)
  const lastMib = <u32>((h.top - 1) >> CHUNK_SHIFT)
  clearBins()
  clearCounters()
  for (let mib = firstMib; mib <= lastMib; mib++) {
    const from = <usize>mib << CHUNK_SHIFT
    const entry = entryOf(from)
    if (entry.spanGranules) remakeChunk(entry)
    else if (entry.lo && !isForeignMib(entry)) makeChunk(from, from + CHUNK_BYTES, true)
  }
  h.generation++
  // The space of counted objects was a piece like any other. It is made again when it is wanted.
  if (h.flags & FLAG_COUNTED) {
    h.flags &= ~FLAG_COUNTED
    h.space = 0
  }
}

function clearBins(): void {
  const h = heap()
  memory.fill(addressOf(h) + HEAP_HEADER_BYTES, 0, BINS_BYTES)
  h.binSummary = 0
  h.trieRoot = 0
  h.wild = 0
}

function clearCounters(): void {
  const h = heap()
  h.freeBytes = 0
  h.pageBytes = 0
  h.runBytes = 0
  h.hugeBytes = 0
  h.ownedBytes = 0
  h.lentBytes = 0
  h.recordBytes = 0
  h.recordBlocks = 0
  h.arenas = 0
  h.pools = 0
  h.bumpPieces = 0
  h.bumpDeadBytes = 0
  h.metadataBytes = controlBytes()
  // The bits are in the chunks' headers, which are made anew.
  h.noted = 0
  h.trimmedBytes = 0
  h.trimmedMetadataBytes = 0
  const c = context()
  c.bump = 0
  c.bumpLimit = 0
  c.bumpMap = 0
  c.live = 0
  for (let index: u32 = 1; index <= h.classCount; index++) {
    const info = classInfo(index)
    info.units = 0
    info.pages = 0
    info.partial = 0
    info.fullBlocks = 0
    info.slots = 0
    setCurrentPage(index, emptyPage())
  }
}
