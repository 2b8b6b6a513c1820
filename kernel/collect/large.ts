/**
 * Large objects: each in a piece of its own, behind a head of 64 bytes, in a list. They stay where they are but when
 * `compact` finds room below (`relocate.ts`). The map byte of the
 * object's first granule is an object's; a piece beyond a chunk is placed so that this granule lies in the chunk in
 * front of its whole MiBs, where there is a map.
 *
 *   piece   [ next ][ prev ][ bytes ][ isFresh ] ... 64 [ header ][ payload ]
 */
import { alignUp } from '../bits/align'
import { check } from '../host'
import { CHUNK_BYTES, REQUEST_MAX_BYTES } from '../layout'
import { LARGE_HEAD_BYTES, MAP_OBJECT, MAP_START } from '../object-layout'
import { space, typeInfo } from '../object-overlay'
import { typeOf } from '../object/header'
import { entryOf, holds, mapAt } from '../overlay'
import { allocPiece, freePiece } from '../region/piece'

@unmanaged
export class Large {
  next: usize
  prev: usize
  /** What the object takes. */
  bytes: u32
  isFresh: u32
}

const MIB_MASK: u32 = CHUNK_BYTES - 1
/** Most that a huge block has in front of its whole MiBs. */
const FRONT_MAX_BYTES: u32 = CHUNK_BYTES - 17 * 4096
const FRONT_MIN_BYTES: u32 = LARGE_HEAD_BYTES + 16

/** Bytes of a piece so that its head and the object's first granule lie in a chunk. */
export function largePieceBytes(bytes: u32): u32 {
  let total = bytes + LARGE_HEAD_BYTES
  if (total <= FRONT_MAX_BYTES) return total
  const front = total & MIB_MASK
  if (front > FRONT_MAX_BYTES) total += CHUNK_BYTES - front + FRONT_MIN_BYTES
  else if (front < FRONT_MIN_BYTES) total += FRONT_MIN_BYTES - front
  return total
}

/**
 * The same of whole pages of `pageBytes`, a power of two up to 64 KiB, for a piece that begins with one: as a run it
 * needs room to be aligned, beyond that its front must be a page or more.
 */
export function pagedPieceBytes(bytes: u32, pageBytes: u32): u32 {
  const total = alignUp(largePieceBytes(bytes), pageBytes)
  const front = total & MIB_MASK
  const isRun = total <= FRONT_MAX_BYTES - pageBytes
  const hasFront = total > CHUNK_BYTES && front && front <= FRONT_MAX_BYTES
  return isRun || hasFront ? total : alignUp(total, CHUNK_BYTES) + pageBytes
}

/**
 * Memory for an object that takes `bytes`: the address of its header, 0 when out of memory. Its first granule is
 * tagged.
 */
export function allocLargeObject(bytes: u32): usize {
  if (bytes > REQUEST_MAX_BYTES - (2 << 20)) return 0
  const piece = allocPiece(largePieceBytes(bytes))
  if (!piece) return 0
  const large = changetype<Large>(piece)
  large.bytes = bytes
  large.isFresh = 1
  large.prev = 0
  large.next = space().large
  if (large.next) changetype<Large>(large.next).prev = piece
  space().large = piece
  const header = piece + LARGE_HEAD_BYTES
  check(holds(entryOf(header), header), 811, header)
  store<u8>(mapAt(entryOf(header), header), <u8>(MAP_OBJECT | MAP_START))
  return header
}

// @ts-ignore: decorator
@inline
export function largeReference(piece: usize): usize {
  return piece + LARGE_HEAD_BYTES + 8
}

// @ts-ignore: decorator
@inline
export function largeMap(piece: usize): usize {
  return mapAt(entryOf(piece), piece + LARGE_HEAD_BYTES)
}

/** Map byte of the object whose header is at `header`. */
// @ts-ignore: decorator
@inline
export function largeMapOf(header: usize): usize {
  return mapAt(entryOf(header), header)
}

export function releaseLarge(piece: usize): void {
  const large = changetype<Large>(piece)
  if (large.next) changetype<Large>(large.next).prev = large.prev
  if (large.prev) changetype<Large>(large.prev).next = large.next
  else space().large = large.next
  store<u8>(largeMap(piece), 0)
  freePiece(piece, false)
}

/** Free the large objects that lack `colour`. */
export function sweepLarge(colour: u32): void {
  for (let piece = space().large; piece; ) {
    const next = changetype<Large>(piece).next
    if (load<u8>(largeMap(piece)) & colour) changetype<Large>(piece).isFresh = 0
    else releaseLarge(piece)
    piece = next
  }
}

/** Add the large objects that are fresh to their types' counts. */
export function countFreshLarge(): void {
  for (let piece = space().large; piece; piece = changetype<Large>(piece).next) countIfFresh(piece)
}

export function countIfFresh(piece: usize): void {
  if (!changetype<Large>(piece).isFresh) return
  changetype<Large>(piece).isFresh = 0
  typeInfo(typeOf(largeReference(piece))).allocated++
}
