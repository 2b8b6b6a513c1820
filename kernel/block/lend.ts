/**
 * Lending to tenants. A piece of up to PIECE_MAX_PAGES is a run of code LENT at a multiple of 64 KiB; longer ones are
 * whole MiBs, each of which is lent and comes back as a piece of its own (code LENT_MIB). So a piece lies in one MiB,
 * and one borrower has at most one in each: that is how its chunk table has a place for it.
 *
 * Where the best fit lies in a MiB that the borrower is in already, the ends of all chunks are looked at, then a fresh
 * MiB is made. For the lender a piece is in use, whatever its bytes hold: the map over it is zero behind the tag.
 *
 * Guarantee: a refused call changes nothing but what is held; nothing is taken back that is not lent.
 */
import { alignUp } from '../bits/align'
import {
  CHUNK_BYTES,
  CHUNK_SHIFT,
  CODE_LENT,
  CODE_LENT_MIB,
  GRANULE_SHIFT,
  HEAP_HEADER_BYTES,
  HEAP_MAGIC,
  MIB_PAGES,
  PIECE_MAX_PAGES,
  RUN_MAX_GRANULES,
  STATUS_MISALIGNED,
  STATUS_NOT_A_BLOCK,
  STATUS_OK,
  TABLE_ENTRY_BYTES,
  WASM_PAGE_BYTES,
} from '../layout'
import { Entry, Heap, chunkOf, entryOf, heap, holds, mapAt } from '../overlay'
import { allocFreeRun, growForRun } from '../region/grow'
import { allocHuge, divideHuge, growForHuge, hugeBytes, releaseHuge } from '../region/huge'
import { claimRun, lastFreeRun, releaseRun } from '../region/runs'
import { granulesFromStart, tagLive } from '../region/tags'
import { addressStatus } from './alloc'
import { samplePeakIfDue } from './count'
import { releaseEmptyPages } from './page'

const PAGE_GRANULES: u32 = WASM_PAGE_BYTES >> GRANULE_SHIFT
const PAGES_MAX: u32 = 65536 - MIB_PAGES

/**
 * Lend `pages` of 64 KiB: up to PIECE_MAX_PAGES, or whole MiBs. `borrower` is the control block of the heap that is to
 * hold them, 0 when it is yet to be made. Their address, or 0.
 */
export function lend(pages: u32, borrower: usize): usize {
  if (!pages || pages > PAGES_MAX || !isBorrower(borrower)) return 0
  const piece = pages <= PIECE_MAX_PAGES ? lendRun(pages * PAGE_GRANULES, borrower) : lendMibs(pages)
  if (piece) heap().lentBytes += pages << 16
  return piece
}

/** Whether a heap's control block lies there, as far as it is read here. Any number may be given. */
function isBorrower(borrower: usize): bool {
  if (!borrower) return true
  const bytes = <u64>(<u32>memory.size()) << 16
  if (borrower & 3 || <u64>borrower + HEAP_HEADER_BYTES > bytes) return false
  const h = changetype<Heap>(borrower)
  return h.magic == HEAP_MAGIC && <u64>h.table + <u64>h.tableMask + TABLE_ENTRY_BYTES <= bytes
}

/** Whether the borrower holds something in the MiB of `address`. */
function isIn(borrower: usize, address: usize): bool {
  if (!borrower) return false
  const h = changetype<Heap>(borrower)
  return changetype<Entry>(h.table + ((address >> 16) & h.tableMask)).lo != 0
}

function lendRun(granules: u32, borrower: usize): usize {
  let piece = freePiece(granules)
  if (!piece && releaseEmptyPages()) piece = freePiece(granules)
  if (!piece && growForRun(min<u32>(granules + PAGE_GRANULES - 1, RUN_MAX_GRANULES))) piece = freePiece(granules)
  if (piece && isIn(borrower, piece)) {
    releaseRun(piece)
    heap().ownedBytes -= granules << GRANULE_SHIFT
    piece = 0
  }
  if (!piece) piece = lendElsewhere(granules, borrower)
  if (!piece && growForHuge(1, 0)) piece = lendElsewhere(granules, borrower)
  return piece
}

/** A piece from what is free. */
function freePiece(granules: u32): usize {
  const piece = allocFreeRun(granules, WASM_PAGE_BYTES, CODE_LENT)
  if (piece) heap().ownedBytes += granules << GRANULE_SHIFT
  return piece
}

/** A piece from the free end of a chunk in whose MiB the borrower has nothing. */
function lendElsewhere(granules: u32, borrower: usize): usize {
  const h = heap()
  const bytes = granules << GRANULE_SHIFT
  const last = <u32>((h.top - 1) >> CHUNK_SHIFT)
  for (let mib = <u32>(h.low >> CHUNK_SHIFT); mib <= last; mib++) {
    const entry = entryOf(<usize>mib << CHUNK_SHIFT)
    if (!entry.spanGranules || entry.lo >> CHUNK_SHIFT != mib || isIn(borrower, entry.lo)) continue
    const free = lastFreeRun(entry)
    const at = alignUp(free, WASM_PAGE_BYTES)
    if (!free || at >= chunkOf(entry).hi || chunkOf(entry).hi - at < bytes) continue
    claimRun(free, at, granules)
    tagLive(mapAt(entry, at), granules, CODE_LENT)
    h.ownedBytes += bytes
    return at
  }
  return 0
}

function lendMibs(pages: u32): usize {
  if (pages % MIB_PAGES) return 0
  const start = allocHuge(pages << 16, WASM_PAGE_BYTES, CODE_LENT_MIB)
  if (start) divideHuge(start, pages / MIB_PAGES)
  return start
}

/** Take a piece back: OK, or why nothing that is lent begins at `address`. Any number may be given. */
export function takeBack(address: usize): u32 {
  if (address & (WASM_PAGE_BYTES - 1)) return STATUS_MISALIGNED
  const entry = entryOf(address)
  const isRun = holds(entry, address) && load<u8>(mapAt(entry, address)) == <u8>CODE_LENT
  if (!isRun && !hugeBytes(address, CODE_LENT_MIB)) {
    const status = addressStatus(address)
    return status == STATUS_OK ? STATUS_NOT_A_BLOCK : status
  }
  samplePeakIfDue()
  const bytes = isRun ? granulesFromStart(mapAt(entry, address)) << GRANULE_SHIFT : CHUNK_BYTES
  heap().lentBytes -= bytes
  if (isRun) {
    heap().ownedBytes -= bytes
    releaseRun(address)
  } else releaseHuge(address, bytes, CODE_LENT_MIB)
  return STATUS_OK
}
