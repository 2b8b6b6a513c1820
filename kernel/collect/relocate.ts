/**
 * Moving large objects down after a slide, so that memory at the top can be given back: each that is not pinned is
 * copied to a piece at a lower address if there is one, then all references are corrected once, then the old pieces are
 * freed. A collection never needs this; only `compact` does it.
 */
import { LARGE_HEAD_BYTES, MAP_FORWARDED, MAP_OBJECT, MAP_PINNED, MAP_START } from '../object-layout'
import { space } from '../object-overlay'
import { entryOf, mapAt } from '../overlay'
import { remakeIndex } from '../root/hashes'
import { allocFreePiece, freePiece } from '../region/piece'
import { Large, largeMap, largePieceBytes } from './large'
import { correctAll } from './slide'

/** What one round frees may be room for another object in the next. */
const ROUNDS_MAX: u32 = 4

/** Move what can be moved down. The slide has marked what is pinned. */
export function relocateLarge(): void {
  for (let round: u32 = 0; round < ROUNDS_MAX && relocateOnce(); round++) {}
  for (let piece = space().large; piece; piece = changetype<Large>(piece).next) unpin(piece)
}

/** Whether anything has moved. */
function relocateOnce(): bool {
  let old: usize = 0
  for (let piece = space().large; piece; ) {
    const next = changetype<Large>(piece).next
    if (!(load<u8>(largeMap(piece)) & MAP_PINNED) && moveDown(piece)) {
      changetype<Large>(piece).next = old
      old = piece
    }
    piece = next
  }
  if (!old) return false
  correctAll()
  remakeIndex()
  while (old) {
    const next = changetype<Large>(old).next
    store<u8>(largeMap(old), 0)
    freePiece(old, false)
    old = next
  }
  return true
}

function unpin(piece: usize): void {
  const map = largeMap(piece)
  store<u8>(map, load<u8>(map) & ~(<u8>MAP_PINNED))
}

/** Copy the object to a lower piece, which takes its place in the list; false when there is none. */
function moveDown(piece: usize): bool {
  const from = changetype<Large>(piece)
  const to = allocFreePiece(largePieceBytes(from.bytes))
  if (!to) return false
  if (to > piece) {
    freePiece(to, false)
    return false
  }
  memory.copy(to, piece, LARGE_HEAD_BYTES + from.bytes)
  if (from.prev) changetype<Large>(from.prev).next = to
  else space().large = to
  if (from.next) changetype<Large>(from.next).prev = to
  store<u8>(largeMap(to), <u8>(MAP_OBJECT | MAP_START | space().colour))
  store<u8>(largeMap(piece), <u8>(MAP_OBJECT | MAP_START | MAP_FORWARDED))
  store<usize>(piece + LARGE_HEAD_BYTES, to + LARGE_HEAD_BYTES, 4)
  space().moved++
  return true
}
