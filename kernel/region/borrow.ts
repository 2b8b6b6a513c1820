/**
 * Growth of a tenant: by pieces that its parent lends it, wherever they lie. `host.grow` answers with the WebAssembly
 * page at which the piece begins. Each piece becomes a chunk, so there is at most one in each MiB; longer ones are
 * whole MiBs, each a chunk and from then on a piece of its own.
 *
 * A piece has what is needed, and at least half of what is held (64 KiB to 4 MiB); where there are few MiBs in which
 * pieces can lie, at least half of what the heap may hold for each. Refused, or beyond the limit, it has just what is
 * needed.
 *
 * Guarantee: a refused step changes nothing but the count of refusals; a piece that cannot be held is handed back.
 */
import { IN_GUEST, hostGrow, hostReport } from '../host'
import { alignUp } from '../bits/align'
import {
  CHUNK_BYTES,
  CHUNK_SHIFT,
  FLAG_PIECES,
  GRANULE_SHIFT,
  KNOB_EXACT_GROWTH,
  PIECE_MAX_PAGES,
  REPORT_GIVEN_BACK,
  STATUS_BAD_ARGUMENT,
  STATUS_OK,
  UNIT_SHIFT,
  WASM_PAGE_BYTES,
} from '../layout'
import { Entry, chunkOf, entryOf, heap, knob } from '../overlay'
import { makeWild, tameWild } from './bins'
import { chunkCap, dropChunk, makeChunk, metadataUnits } from './chunk'
import { isForeignMib } from './huge'
import { isWhollyFree, lastFreeRun } from './runs'

const STEP_MAX_BYTES: u32 = 4 << 20
const FEW_MIBS: u32 = 8
const PIECE_MAX_BYTES: u32 = PIECE_MAX_PAGES * WASM_PAGE_BYTES

/** Whether this heap is a tenant. */
// @ts-ignore: decorator
@inline
export function holdsPieces(): bool {
  return !IN_GUEST && (heap().flags & FLAG_PIECES) != 0
}

/** The length of piece that has at least `bytes`, which are at most 4 GiB less a MiB. */
function pieceFor(bytes: u32): u32 {
  return alignUp(bytes, bytes > PIECE_MAX_BYTES ? CHUNK_BYTES : WASM_PAGE_BYTES)
}

// @ts-ignore: decorator
@inline
function withinLimit(more: u32): bool {
  return <u64>heap().committedBytes + <u64>more <= <u64>heap().limitBytes
}

/** Borrow a piece that has a free run of `granules`. */
export function borrowForRun(granules: u32): bool {
  const bytes = <u64>granules << GRANULE_SHIFT
  if (bytes > CHUNK_BYTES) return false
  let least = alignUp(<u32>bytes, WASM_PAGE_BYTES)
  while (least <= CHUNK_BYTES && least - (metadataUnits(0, least) << UNIT_SHIFT) < <u32>bytes) least += WASM_PAGE_BYTES
  return least <= CHUNK_BYTES && borrow(pieceFor(least))
}

/** Borrow whole MiBs in a row. */
export function borrowMibs(mibs: u32): bool {
  return mibs < 4096 && borrow(mibs << CHUNK_SHIFT)
}

/** Borrow a piece of `least` bytes or more. Where the limit stands in the way, what is wholly free goes first. */
function borrow(least: u32): bool {
  if (!withinLimit(least)) {
    giveBack()
    if (!withinLimit(least)) {
      heap().limitRefusals++
      return false
    }
  }
  const wanted = max<u32>(pieceFor(share()), least)
  return (withinLimit(wanted) && ask(wanted)) || (wanted > least && ask(least))
}

/** What is asked for beyond need. */
function share(): u32 {
  const h = heap()
  if (knob(KNOB_EXACT_GROWTH)) return 0
  const half = min<u32>(h.committedBytes >> 1, STEP_MAX_BYTES)
  const mibs = h.end >> CHUNK_SHIFT
  return mibs && mibs <= FEW_MIBS ? max<u32>(half, min<u32>(h.limitBytes, h.end) / (mibs << 1)) : half
}

/** Ask for a piece of exactly `bytes` and hold it. */
function ask(bytes: u32): bool {
  const h = heap()
  const page = hostGrow(bytes >> 16)
  if (page < 0 || !isVacant(<u32>page, bytes)) {
    h.growsRefused++
    if (page >= 0) handBack(<u32>page, bytes)
    return false
  }
  h.grows++
  holdPieces(<usize>page << 16, (<usize>page << 16) + bytes)
  return true
}

/** Whether a piece at `page` lies in the range, is placed as pieces are, and this heap has no chunk in its MiBs. */
function isVacant(page: u32, bytes: u32): bool {
  const end = (<u64>page << 16) + <u64>bytes
  if (!page || end > <u64>heap().end) return false
  const from = <usize>page << 16
  const last = <usize>(end - 1)
  if (bytes >= CHUNK_BYTES ? from & (CHUNK_BYTES - 1) : (from ^ last) >> CHUNK_SHIFT) return false
  for (let mib = from >> CHUNK_SHIFT; mib <= last >> CHUNK_SHIFT; mib++) {
    if (entryOf(mib << CHUNK_SHIFT).lo) return false
  }
  return true
}

function handBack(page: u32, bytes: u32): void {
  const end = (<u64>page << 16) + <u64>bytes
  if (end > <u64>(<u32>memory.size()) << 16) return
  for (let at = <u64>page << 16; at < end; at += CHUNK_BYTES) hostReport(REPORT_GIVEN_BACK, <usize>at)
}

/** Enter [from, to), a piece or whole MiBs, into the heap. */
export function holdPieces(from: usize, to: usize): void {
  const h = heap()
  h.committedBytes += to - from
  h.committedPeakBytes = max(h.committedPeakBytes, h.committedBytes)
  if (to > h.top) {
    tameWild()
    h.top = to
  }
  h.low = min(h.low, from)
  for (let at = from; at < to; ) {
    const stop = min(to, chunkCap(at))
    makeChunk(at, stop, true)
    at = stop
  }
}

/**
 * Hold at least `bytes`, by pieces as long as can be had. False when they cannot: what was borrowed until then is held.
 */
export function reserve(bytes: u32): bool {
  const h = heap()
  if (!holdsPieces() || bytes > h.limitBytes) return bytes <= h.committedBytes
  while (h.committedBytes < bytes) {
    const left = alignUp(bytes - h.committedBytes, WASM_PAGE_BYTES)
    let piece = left < CHUNK_BYTES ? min<u32>(left, PIECE_MAX_BYTES) : left & ~(CHUNK_BYTES - 1)
    if (!withinLimit(piece)) return false
    while (!ask(piece)) {
      if (piece <= CHUNK_BYTES) return false
      piece = max<u32>((piece >> 1) & ~(CHUNK_BYTES - 1), CHUNK_BYTES)
    }
  }
  return true
}

/** Set the most that a tenant may hold, and the least that it keeps. Refused when it holds more. */
export function setBounds(limitBytes: u32, keepBytes: u32): u32 {
  const h = heap()
  if (!holdsPieces() || limitBytes < h.committedBytes || keepBytes > limitBytes) return STATUS_BAD_ARGUMENT
  h.limitBytes = limitBytes
  h.keepBytes = keepBytes
  return STATUS_OK
}

/**
 * Hand wholly free pieces back, those at the highest addresses first: never the home piece, and none that would leave
 * less than is to be kept. The bytes no longer held.
 */
export function giveBack(): u32 {
  const h = heap()
  if (!holdsPieces()) return 0
  const before = h.committedBytes
  const home = h.base >> CHUNK_SHIFT
  for (let mib = (h.top - 1) >> CHUNK_SHIFT; mib >= h.low >> CHUNK_SHIFT; mib--) {
    const entry = entryOf(mib << CHUNK_SHIFT)
    if (mib != home && isWhollyFree(entry)) dropPiece(entry)
    if (!mib) break
  }
  raiseLow()
  return before - h.committedBytes
}

/** Drop the piece of a wholly free chunk, and tell. */
function dropPiece(entry: Entry): void {
  const h = heap()
  const from = chunkOf(entry).metadataAt
  const to = chunkOf(entry).hi
  if (h.committedBytes - (to - from) < h.keepBytes) return
  h.committedBytes -= to - from
  dropChunk(entry)
  if (to == h.top) lowerTop()
  hostReport(REPORT_GIVEN_BACK, from)
}

/** Whether something of an entry's MiB is held: more than another heap's shared objects. */
// @ts-ignore: decorator
@inline
export function isHeld(entry: Entry): bool {
  return entry.lo != 0 && (entry.spanGranules != 0 || !isForeignMib(entry))
}

/** Bring `top` down to what is held; nothing is above it any more. */
function lowerTop(): void {
  const h = heap()
  let mib = (h.top - 1) >> CHUNK_SHIFT
  while (!isHeld(entryOf(mib << CHUNK_SHIFT))) mib--
  h.top = heldEnd(mib)
  const last = lastFreeRun(entryOf(h.top - 1))
  if (last) makeWild(last >> GRANULE_SHIFT)
}

/** Bring `low` up to what is held, at most to the control block. */
function raiseLow(): void {
  const h = heap()
  const home = h.base >> CHUNK_SHIFT
  let mib = h.low >> CHUNK_SHIFT
  while (mib < home && !isHeld(entryOf(mib << CHUNK_SHIFT))) mib++
  h.low = mib < home ? heldStart(mib) : h.base
}

/** Where what is held of a MiB begins and ends; something of it is. In the home MiB the control block is in front. */
export function heldStart(mib: u32): usize {
  const entry = entryOf(<usize>mib << CHUNK_SHIFT)
  return entry.spanGranules ? chunkOf(entry).metadataAt : <usize>mib << CHUNK_SHIFT
}

export function heldEnd(mib: u32): usize {
  const entry = entryOf(<usize>mib << CHUNK_SHIFT)
  return entry.spanGranules ? chunkOf(entry).hi : (<usize>mib + 1) << CHUNK_SHIFT
}
