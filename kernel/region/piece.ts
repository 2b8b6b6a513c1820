/**
 * Pieces: the memory that arenas, pools and the bump allocator cut their blocks from. A piece is a run of code
 * RUN_OWNED or, beyond a chunk, a huge block of code HUGE_OWNED; its user may put codes of its own into the map inside
 * it.
 */
import {
  CODE_HUGE_OWNED,
  CODE_RUN_OWNED,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  PAGE_SHIFT,
  RUN_MAX_GRANULES,
  UNIT_GRANULES,
  UNIT_SHIFT,
} from '../layout'
import { OBJECT_BLOCK_BYTES_AT } from '../object-layout'
import { Entry, entryOf, heap, holds, mapAt } from '../overlay'
import { allocFreeRun, allocOrGrowRun, growForRun } from './grow'
import { allocHuge, hugeBytes, releaseHuge } from './huge'
import { allocUnits, growRun, releaseRun, runGranules } from './runs'
import { granulesFromStart, tagLive } from './tags'

/** Head of a piece that is divided into slots of one size. */
@unmanaged
export class SlottedPiece {
  owner: usize
  next: usize
  slots: u32
  carved: u32
  slotBytes: u32
}

/** Slots begin behind the head, out of the way of the run's tag in the map. */
export const SLOTTED_HEADER_BYTES: u32 = 64

/** A piece of at least `bytes`; 0 when out of memory. */
export function allocPiece(bytes: u32): usize {
  return allocPieceAligned(bytes, GRANULE_BYTES)
}

/** The same at a multiple of `alignment`, a power of two. */
export function allocPieceAligned(bytes: u32, alignment: u32): usize {
  const granules = runGranules(bytes)
  if (granules > RUN_MAX_GRANULES) return allocHuge(bytes, alignment, CODE_HUGE_OWNED)
  const piece = allocOrGrowRun(granules, alignment, CODE_RUN_OWNED)
  if (piece) heap().ownedBytes += granules << GRANULE_SHIFT
  return piece
}

/** A piece of at least `bytes` from what is free, without growth; 0 when nothing free is long enough. */
export function allocFreePiece(bytes: u32): usize {
  const granules = runGranules(bytes)
  if (granules > RUN_MAX_GRANULES) return allocHuge(bytes, GRANULE_BYTES, CODE_HUGE_OWNED, false)
  const piece = allocFreeRun(granules, GRANULE_BYTES, CODE_RUN_OWNED)
  if (piece) heap().ownedBytes += granules << GRANULE_SHIFT
  return piece
}

/** A piece of whole units at a multiple of one, at most a chunk's worth. */
export function allocUnitPiece(units: u32): usize {
  let piece = allocUnits(units)
  while (!piece) {
    // In an empty chunk the units begin aligned; elsewhere a unit more makes sure.
    const granules = units * UNIT_GRANULES
    if (!growForRun(min<u32>(granules + UNIT_GRANULES - 1, RUN_MAX_GRANULES))) return 0
    piece = allocUnits(units)
  }
  heap().ownedBytes += (units * UNIT_GRANULES) << GRANULE_SHIFT
  tagLive(mapAt(entryOf(piece), piece), units * UNIT_GRANULES, CODE_RUN_OWNED)
  return piece
}

/** A piece of `units` whose every unit leads back to it; the caller fills the head. 0 when out of memory. */
export function allocSlottedPiece(units: u32): usize {
  const piece = allocUnitPiece(units)
  if (!piece) return 0
  const entry = entryOf(piece)
  for (let i: u32 = 0; i < units; i++) store<usize>(unitPlace(entry, piece + (<usize>i << UNIT_SHIFT)), piece, 4)
  return piece
}

/** The descriptor's place of a unit in no page: its head stays 0, the word behind it is the piece's address. */
// @ts-ignore: decorator
@inline
export function unitPlace(entry: Entry, address: usize): usize {
  return entry.unitBias + ((address >> UNIT_SHIFT) << PAGE_SHIFT)
}

/** Not 0 when `address` lies in a unit of an object block: its descriptor's address plus 1, see `collect/blocks.ts`. */
// @ts-ignore: decorator
@inline
export function unitTag(entry: Entry, address: usize): usize {
  const place = unitPlace(entry, address)
  const tag = load<usize>(place, 4)
  return tag & 1 && !load<usize>(place) ? tag : 0
}

/** Bytes of the object block that begins at `address`, 0 when its tag leads elsewhere. */
export function objectBlockBytes(entry: Entry, address: usize): u32 {
  const place = unitPlace(entry, address)
  return unitTag(entry, address) == place + 1 ? load<u32>(place, OBJECT_BLOCK_BYTES_AT) : 0
}

/** The slotted piece around an address that lies in one. */
export function pieceAround(entry: Entry, address: usize): usize {
  return load<usize>(unitPlace(entry, address), 4)
}

/** Bytes of the slot of a slotted piece that `address` lies in. */
export function slotBytes(address: usize): u32 {
  return changetype<SlottedPiece>(pieceAround(entryOf(address), address)).slotBytes
}

/** Bytes of a piece. */
export function pieceBytes(piece: usize): u32 {
  const entry = entryOf(piece)
  if (holds(entry, piece)) {
    const map = mapAt(entry, piece)
    if (load<u8>(map) == <u8>CODE_RUN_OWNED) return granulesFromStart(map) << GRANULE_SHIFT
  }
  return hugeBytes(piece, CODE_HUGE_OWNED)
}

/** Lengthen a piece in place to `bytes`, if it is a run and what lies behind it is free. */
export function growPiece(piece: usize, bytes: u32): bool {
  const entry = entryOf(piece)
  if (!holds(entry, piece)) return false
  const map = mapAt(entry, piece)
  if (load<u8>(map) != <u8>CODE_RUN_OWNED) return false
  const have = granulesFromStart(map)
  const wanted = runGranules(bytes)
  if (wanted > RUN_MAX_GRANULES || !growRun(piece, have, wanted)) return false
  heap().ownedBytes += (wanted - have) << GRANULE_SHIFT
  return true
}

/** Free a piece. With `marked` its user has put codes into the map inside it, which are cleared first. */
export function freePiece(piece: usize, marked: bool): void {
  const bytes = pieceBytes(piece)
  const entry = entryOf(piece)
  if (holds(entry, piece) && load<u8>(mapAt(entry, piece)) == <u8>CODE_RUN_OWNED) {
    heap().ownedBytes -= bytes
    if (marked) memory.fill(mapAt(entry, piece) + 4, 0, (bytes >> GRANULE_SHIFT) - 4)
    releaseRun(piece)
  } else releaseHuge(piece, bytes, CODE_HUGE_OWNED)
}
