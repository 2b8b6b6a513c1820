/**
 * The verifier: walks the whole heap and recomputes everything that is kept, without trusting any link before it is
 * checked. It answers the first fault it finds (`FAULT_…` in `layout.ts`) and leaves its address in the control block.
 *
 * Method: the chunks are walked granule by granule from boundary tags and page descriptors alone; lists, bins, counters
 * and table entries are then held against what the walk found. Costs a look at every map byte and every free block. The
 * sums of the walk lie in the scratch area: the kernel has no other place for state.
 */
import { liveBlocks, liveBytes } from '../block/count'
import {
  ADDRESS_LIMIT,
  BIN_COUNT,
  CHUNK_BYTES,
  CHUNK_SHIFT,
  CLASS_MAX,
  CODE_BUMP_BLOCK,
  CODE_BUMP_DEAD,
  CODE_HUGE,
  CODE_HUGE_OWNED,
  CODE_LENT,
  CODE_LENT_MIB,
  CODE_NONE,
  CODE_POOL_BLOCK,
  CODE_RESERVED,
  CODE_RUN,
  CODE_RUN_OWNED,
  CONTEXT_OFFSET,
  FAULT_ACCOUNTING,
  FAULT_ADJACENT,
  FAULT_BYTES,
  FAULT_CHUNK,
  FAULT_CONTROL,
  FAULT_HUGE,
  FAULT_LIVE,
  FAULT_MAP,
  FAULT_NONE,
  FAULT_TAGS,
  FAULT_TRIMMED,
  FLAG_PIECES,
  FREE_TAGGED_MIN_GRANULES,
  GRANULE_SHIFT,
  HEAP_FAULT_AT,
  HEAP_MAGIC,
  LAYOUT_VERSION,
  RUN_MIN_GRANULES,
  UNIT_BYTES,
  UNIT_SHIFT,
  WASM_PAGE_BYTES,
} from '../layout'
import { MAP_OBJECT } from '../object-layout'
import { Entry, Heap, chunkOf, context, entryOf, heap, mapAt, self } from '../overlay'
import { heldEnd, heldStart, holdsPieces, isHeld } from '../region/borrow'
import { chunkLayoutOk, nextMib } from '../region/chunk'
import { hugeCode, isForeignMib } from '../region/huge'
import { SCRATCH_OFFSET, TABLE_OFFSET, controlBytes, tableMaskOf } from '../region/control'
import { objectBlockBytes, pieceAround, slotBytes, unitTag } from '../region/piece'
import {
  freeGranulesFromEnd,
  freeGranulesFromStart,
  granulesFromStart,
  isFreeCode,
  isLiveRunCode,
} from '../region/tags'
import { LINKED_BYTES, LINKED_MIN_GRANULES, TRIE_BYTES } from '../region/links'
import { checkArenas, checkPools } from './arenas'
import { checkBins } from './bins'
import { checkClasses, checkPage } from './pages'
import { checkTrimmed } from './trimmed'
import { notedIn } from '../region/trim'
import { clearTotals, fault, isZero, totals } from './totals'

/** 0 when every invariant holds, else the fault found. */
export function verify(): u32 {
  if (!isControlSound()) {
    store<usize>(self - CONTEXT_OFFSET, self - CONTEXT_OFFSET, HEAP_FAULT_AT)
    return FAULT_CONTROL
  }
  clearTotals()
  let found = checkChunks()
  if (!found) found = checkBins()
  if (!found) found = checkClasses()
  if (!found) found = checkPools()
  if (!found) found = checkArenas()
  if (!found) found = checkSums()
  return found
}

/**
 * The fields that everything else is reached by. The one thing taken for granted is `self`, which lies in no memory:
 * the control block must stand in front of the context as `create` puts it.
 */
function isControlSound(): bool {
  const base = self - CONTEXT_OFFSET
  const h = changetype<Heap>(base)
  return (
    h.magic == HEAP_MAGIC &&
    h.version == LAYOUT_VERSION &&
    h.base == base &&
    h.context == self &&
    h.scratch == base + SCRATCH_OFFSET &&
    h.table == base + TABLE_OFFSET &&
    context().heap == base &&
    context().table == h.table &&
    context().tableMask == h.tableMask &&
    base < h.top &&
    h.top <= h.end &&
    h.end <= ADDRESS_LIMIT &&
    <u64>h.top <= <u64>(<u32>memory.size()) << 16 &&
    h.tableMask == tableMaskOf(h) &&
    (h.flags & FLAG_PIECES ? h.low <= base : h.low == base) &&
    h.classCount < CLASS_MAX &&
    h.committedBytes <= h.limitBytes &&
    h.committedBytes <= h.committedPeakBytes
  )
}

function checkChunks(): u32 {
  const last = <u32>((heap().top - 1) >> CHUNK_SHIFT)
  totals().metadata = controlBytes()
  totals().lowest = heap().base
  for (let mib = <u32>(heap().low >> CHUNK_SHIFT); mib <= last; mib++) {
    const at = <usize>mib << CHUNK_SHIFT
    const entry = entryOf(at)
    let found = FAULT_NONE
    if (entry.spanGranules) found = entry.lo >> CHUNK_SHIFT == mib ? checkChunk(entry) : fault(FAULT_CHUNK, at)
    else if (entry.lo) found = checkHugeMib(at, entry)
    if (found) return found
    if (isHeld(entry)) noteHeld(mib)
  }
  const isBetween = !holdsPieces() || (totals().lowest == heap().low && totals().highest == heap().top)
  return isBetween ? FAULT_NONE : fault(FAULT_CONTROL, heap().base)
}

function noteHeld(mib: u32): void {
  totals().lowest = min(totals().lowest, heldStart(mib))
  totals().highest = heldEnd(mib)
}

/** Walk one chunk from `lo` to `hi`, run by run and page by page. */
function checkChunk(entry: Entry): u32 {
  const chunk = chunkOf(entry)
  if (!chunkLayoutOk(entry)) return fault(FAULT_CHUNK, entry.lo)
  totals().notedFree = 0
  totals().metadata += chunk.metadataBytes
  let afterFree = false
  let at = entry.lo
  while (at < chunk.hi) {
    if (!(at & (UNIT_BYTES - 1)) && load<usize>(entry.unitBias + ((at >> UNIT_SHIFT) << 5))) {
      const units = checkPage(entry, at)
      if (!units) return totals().fault
      at += <usize>units << UNIT_SHIFT
      afterFree = false
      continue
    }
    if (isObjectUnit(entry, at)) {
      const bytes = objectBlockBytes(entry, at)
      if (!bytes || at + bytes > chunk.hi) return fault(FAULT_CHUNK, at)
      at += bytes
      totals().objectBytes += bytes
      afterFree = false
      continue
    }
    const code = <u32>load<u8>(mapAt(entry, at))
    const free = isFreeCode(code)
    if (free && afterFree) return fault(FAULT_ADJACENT, at)
    const granules = free ? checkFreeRun(entry, at) : isLiveRunCode(code) ? checkLiveRun(entry, at, code) : 0
    if (!granules) return totals().fault ? totals().fault : fault(FAULT_MAP, at)
    at += <usize>granules << GRANULE_SHIFT
    afterFree = free
  }
  // Nothing may stand in the map behind what is held.
  if (!isZero(mapAt(entry, chunk.hi), <u32>((chunk.cap - chunk.hi) >> GRANULE_SHIFT))) return fault(FAULT_MAP, chunk.hi)
  return at == chunk.hi ? checkTrimmed(entry) : fault(FAULT_CHUNK, at)
}

/** Whether an object block begins at `at`; what is in it is checked by `objects.ts`. */
// @ts-ignore: decorator
@inline
function isObjectUnit(entry: Entry, at: usize): bool {
  return heap().space != 0 && !(at & (UNIT_BYTES - 1)) && unitTag(entry, at) != 0
}

/** Granules of the free run at `at`; 0 with the fault in the totals. */
function checkFreeRun(entry: Entry, at: usize): u32 {
  const map = mapAt(entry, at)
  const granules = freeGranulesFromStart(map)
  const end = at + (<usize>granules << GRANULE_SHIFT)
  if (!granules || end > chunkOf(entry).hi || end <= at) return failed(FAULT_TAGS, at)
  if (!isFreeCode(load<u8>(map + granules - 1)) || freeGranulesFromEnd(map + granules - 1) != granules)
    return failed(FAULT_TAGS, at)
  const tag: u32 = granules < FREE_TAGGED_MIN_GRANULES ? 1 : 4
  const head = granules >= BIN_COUNT ? TRIE_BYTES : granules >= LINKED_MIN_GRANULES ? LINKED_BYTES : tag
  if (granules > head + tag && !isZero(map + head, granules - head - tag)) return failed(FAULT_MAP, at)
  if (hasPageHead(entry, at, end)) return failed(FAULT_MAP, at)
  totals().freeBytes += granules << GRANULE_SHIFT
  totals().freeRuns++
  totals().notedFree += notedIn(chunkOf(entry), at, end)
  return granules
}

/** Whether a unit that begins in [from, to) claims to be in a page. */
function hasPageHead(entry: Entry, from: usize, to: usize): bool {
  for (let unit = (from + UNIT_BYTES - 1) >> UNIT_SHIFT; unit << UNIT_SHIFT < to; unit++) {
    if (load<usize>(entry.unitBias + (unit << 5))) return true
  }
  return false
}

/** Granules of the live run at `at`; 0 with the fault in the totals. */
function checkLiveRun(entry: Entry, at: usize, code: u32): u32 {
  const map = mapAt(entry, at)
  const granules = granulesFromStart(map)
  const bytes = granules << GRANULE_SHIFT
  const end = at + bytes
  if (granules < RUN_MIN_GRANULES || end > chunkOf(entry).hi || end <= at) return failed(FAULT_TAGS, at)
  if (hasPageHead(entry, at, end)) return failed(FAULT_MAP, at)
  if (code == CODE_HUGE_OWNED && heap().space) {
    // A large object begins in the head; `objects.ts` looks at it.
    for (let inner = map + RUN_MIN_GRANULES; inner < map + granules; inner++) {
      if (load<u8>(inner) && load<u8>(inner) < <u8>MAP_OBJECT) return failed(FAULT_MAP, at)
    }
  } else if (code == CODE_RUN_OWNED) {
    totals().ownedBytes += bytes
    if (!countInside(entry, at, map + RUN_MIN_GRANULES, map + granules)) return failed(FAULT_MAP, at)
    return granules
  } else if (!isZero(map + RUN_MIN_GRANULES, granules - RUN_MIN_GRANULES)) return failed(FAULT_MAP, at)
  if (code == CODE_RUN) {
    totals().runBytes += bytes
    totals().liveBlocks++
    totals().liveBytes += bytes
  } else if (code == CODE_LENT) {
    if ((at | bytes) & (WASM_PAGE_BYTES - 1)) return failed(FAULT_TAGS, at)
    totals().ownedBytes += bytes
    totals().lentBytes += bytes
  } else if (code == CODE_HUGE || code == CODE_HUGE_OWNED) {
    const next = entryOf(end)
    if (end & (CHUNK_BYTES - 1) || next.lo != at || hugeCode(next) != code) return failed(FAULT_HUGE, at)
  } else if (code != CODE_RESERVED) return failed(FAULT_MAP, at)
  return granules
}

function failed(code: u32, at: usize): u32 {
  fault(code, at)
  return 0
}

/** Count the blocks of pools and of the bump allocator in the owned run at `run`; false at any other code. */
function countInside(entry: Entry, run: usize, from: usize, to: usize): bool {
  for (let map = from; map < to; map++) {
    const code = <u32>load<u8>(map)
    if (code == CODE_NONE || code == CODE_BUMP_DEAD || (code >= MAP_OBJECT && heap().space)) continue
    const block = (map - entry.mapBias) << GRANULE_SHIFT
    if (code == CODE_POOL_BLOCK && pieceAround(entry, block) == run) totals().liveBytes += slotBytes(block)
    else if (code == CODE_BUMP_BLOCK) totals().liveBytes += bumpBytes(block, map, to)
    else return false
    totals().liveBlocks++
  }
  return true
}

/** Bytes of a bump block as `bumpBlockBytes` gives them, without trusting that a stop follows. */
function bumpBytes(block: usize, map: usize, to: usize): u32 {
  let next = map + 1
  while (next < to && !load<u8>(next)) next++
  const bytes = <u32>((next - map) << GRANULE_SHIFT)
  const bump = context().bump
  return block < bump && bump - block < bytes ? bump - block : bytes
}

/**
 * A MiB inside a huge block: its entry must agree with the block's first one, which counts the block. One that is
 * another heap's counts nothing, and can lie among others only where pieces do.
 */
function checkHugeMib(at: usize, entry: Entry): u32 {
  if (isForeignMib(entry)) return heap().flags & FLAG_PIECES ? FAULT_NONE : fault(FAULT_HUGE, at)
  const start = entry.lo
  const bytes = entry.unitBias
  const code = hugeCode(entry)
  const end = start + bytes
  const first = nextMib(start)
  if (end <= start || end & (CHUNK_BYTES - 1) || at < first || at >= end || end > heap().top)
    return fault(FAULT_HUGE, at)
  const one = entryOf(first)
  if (one.spanGranules || one.lo != start || one.unitBias != bytes || hugeCode(one) != code)
    return fault(FAULT_HUGE, at)
  if (at != first) return FAULT_NONE
  if (start != first) {
    const chunk = entryOf(start)
    if (!chunk.spanGranules || load<u8>(mapAt(chunk, start)) != <u8>code) return fault(FAULT_HUGE, start)
  }
  if (code == CODE_HUGE) {
    totals().hugeBytes += bytes
    totals().liveBlocks++
    totals().liveBytes += bytes
  } else if (code == CODE_HUGE_OWNED) totals().ownedBytes += bytes
  else if (code == CODE_LENT_MIB && bytes == CHUNK_BYTES) {
    totals().ownedBytes += bytes
    totals().lentBytes += bytes
  } else return fault(FAULT_HUGE, at)
  return FAULT_NONE
}

/** The counters against what the walk found, and the accounting identity over the counters. */
function checkSums(): u32 {
  const h = heap()
  const t = totals()
  const same =
    h.freeBytes == t.freeBytes &&
    h.pageBytes == t.pageBytes &&
    h.runBytes == t.runBytes &&
    h.hugeBytes == t.hugeBytes &&
    h.ownedBytes == t.ownedBytes &&
    h.lentBytes == t.lentBytes &&
    h.metadataBytes == t.metadata &&
    h.objectBytes == t.objectBytes
  if (!same) return fault(FAULT_BYTES, h.base)
  const sameTrimmed =
    h.noted == t.noted &&
    h.trimmedBytes == t.trimmedBytes &&
    h.trimmedMetadataBytes == t.trimmedMetadataBytes
  if (!sameTrimmed) return fault(FAULT_TRIMMED, h.base)
  if (liveBlocks() != t.liveBlocks || liveBytes() != t.liveBytes) return fault(FAULT_LIVE, h.base)
  const sum =
    <u64>h.metadataBytes +
    h.lostBytes +
    h.freeBytes +
    h.pageBytes +
    h.runBytes +
    h.hugeBytes +
    h.ownedBytes +
    h.objectBytes
  return sum == <u64>h.committedBytes ? FAULT_NONE : fault(FAULT_ACCOUNTING, h.base)
}
