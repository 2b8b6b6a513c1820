/**
 * Arenas: bump allocation with savepoints. A growing arena cuts from pieces that double up to its chunk size; a fixed
 * one cuts from a given range, from both ends: blocks upwards, a stack downwards.
 *
 *   record   0 kind  4 next  8 prev (list of arenas)  12 flags  16 low  20 high  24 bottom  28 last  32 piece
 *            36 chunkBytes  40 usedBefore  44 limit
 *   piece    [ prev | bytes | usedBefore | usedEnd ][ blocks ... low -> ... high )
 *
 * used = usedBefore + (low - bottom) + (limit - high); `usedBefore` counts the full pieces below the current one.
 *
 * Guarantee: constant time but for the pieces freed; nothing is written into a fixed arena's range.
 */
import { isPowerOfTwo } from '../bits/align'
import { check } from '../host'
import { ALIGN_MAX_BYTES, REQUEST_MAX_BYTES, STATUS_BAD_ARGUMENT, STATUS_FOREIGN, STATUS_OK } from '../layout'
import { addressOf, heap } from '../overlay'
import { samplePeakWith } from '../block/count'
import { RECORD_ARENA, allocRecord, freeRecord, isRecord } from '../block/record'
import { allocPiece, freePiece, pieceBytes } from '../region/piece'

@unmanaged
class Arena {
  kind: u32
  next: usize
  prev: usize
  flags: u32
  /** Next free byte from below. */
  low: usize
  /** First used byte above. */
  high: usize
  /** First byte of the current piece's blocks, or of the range. */
  bottom: usize
  /** The newest block, 0 when it has been freed. */
  last: usize
  piece: usize
  chunkBytes: u32
  usedBefore: u32
  /** End of the current piece, or of the range. */
  limit: usize
}

@unmanaged
class Piece {
  prev: usize
  bytes: u32
  usedBefore: u32
  usedEnd: usize
}

const FLAG_FIXED: u32 = 1
const PIECE_HEADER_BYTES: u32 = 16
const PIECE_FIRST_BYTES: u32 = 4 << 10
const CHUNK_MIN_BYTES: u32 = 1 << 10
const CHUNK_MAX_BYTES: u32 = 256 << 20
const ALIGN_MIN_BYTES: u32 = 8

function arenaAt(arena: usize): Arena | null {
  return isRecord(arena, RECORD_ARENA) ? changetype<Arena>(arena) : null
}

function makeArena(flags: u32, chunkBytes: u32): usize {
  const arena = allocRecord(offsetof<Arena>(), RECORD_ARENA)
  if (!arena) return 0
  const a = changetype<Arena>(arena)
  a.flags = flags
  a.chunkBytes = chunkBytes
  a.next = heap().arenas
  if (a.next) changetype<Arena>(a.next).prev = arena
  heap().arenas = arena
  return arena
}

/** A growing arena whose pieces double up to `chunkBytes` (1 KiB to 256 MiB); 0 when out of memory or out of range. */
export function arenaCreate(chunkBytes: u32): usize {
  if (chunkBytes < CHUNK_MIN_BYTES || chunkBytes > CHUNK_MAX_BYTES) return 0
  return makeArena(0, chunkBytes)
}

/** An arena over [base, limit), which must exist and be its user's; 0 when it is no range or out of memory. */
export function arenaCreateFixed(base: usize, limit: usize): usize {
  // Address 0 is null: a block never starts there.
  const low = max<usize>((base + ALIGN_MIN_BYTES - 1) & ~(ALIGN_MIN_BYTES - 1), ALIGN_MIN_BYTES)
  if (low < base || low >= limit || <u64>limit > <u64>(<u32>memory.size()) << 16) return 0
  const arena = makeArena(FLAG_FIXED, 0)
  if (!arena) return 0
  const a = changetype<Arena>(arena)
  a.low = low
  a.bottom = low
  a.high = limit
  a.limit = limit
  return arena
}

export function arenaDestroy(arena: usize): u32 {
  const a = arenaAt(arena)
  if (!a) return STATUS_FOREIGN
  samplePeakWith(arenasUsed())
  freePiecesAbove(a, 0)
  if (a.next) changetype<Arena>(a.next).prev = a.prev
  if (a.prev) changetype<Arena>(a.prev).next = a.next
  else heap().arenas = a.next
  freeRecord(arena)
  return STATUS_OK
}

/** `size` bytes at a multiple of `alignment` (a power of two, taken as 8 at least), or 0. */
export function arenaAlloc(arena: usize, size: u32, alignment: u32): usize {
  const a = arenaAt(arena)
  if (!a || size > REQUEST_MAX_BYTES || !isPowerOfTwo(alignment) || alignment > ALIGN_MAX_BYTES) return 0
  const mask = max<u32>(alignment, ALIGN_MIN_BYTES) - 1
  const bytes = max<u32>(size, 1)
  const at = (a.low + mask) & ~mask
  if (at >= a.low && at <= a.high && bytes <= a.high - at) {
    a.low = at + bytes
    a.last = at
    return at
  }
  if (a.flags & FLAG_FIXED || !pushPiece(a, bytes + mask)) return 0
  return arenaAlloc(arena, size, alignment)
}

/** A new piece with room for `bytes` at any alignment asked for. */
function pushPiece(a: Arena, bytes: u32): bool {
  const before = a.piece ? changetype<Piece>(a.piece) : null
  const doubled = before ? min<u32>(before.bytes << 1, a.chunkBytes) : min<u32>(PIECE_FIRST_BYTES, a.chunkBytes)
  const least = bytes + PIECE_HEADER_BYTES
  let piece = allocPiece(max<u32>(doubled, least))
  if (!piece && doubled > least) piece = allocPiece(least)
  if (!piece) return false
  const header = changetype<Piece>(piece)
  header.prev = a.piece
  header.bytes = pieceBytes(piece)
  header.usedBefore = before ? a.usedBefore + <u32>(a.low - a.bottom) : 0
  if (before) before.usedEnd = a.low
  openPiece(a, piece)
  a.low = a.bottom
  return true
}

/** Make `piece` the one that is cut from; the caller sets `low`. */
function openPiece(a: Arena, piece: usize): void {
  const header = changetype<Piece>(piece)
  a.piece = piece
  a.bottom = piece + PIECE_HEADER_BYTES
  a.limit = piece + header.bytes
  a.high = a.limit
  a.usedBefore = header.usedBefore
  a.last = 0
}

/** `size` bytes down from the top of a fixed arena, or 0. */
export function arenaPush(arena: usize, size: u32, alignment: u32): usize {
  const a = arenaAt(arena)
  if (!a || !(a.flags & FLAG_FIXED) || !isPowerOfTwo(alignment) || alignment > ALIGN_MAX_BYTES) return 0
  const mask = max<u32>(alignment, ALIGN_MIN_BYTES) - 1
  const bytes = max<u32>(size, 1)
  if (bytes > a.high - a.low) return 0
  const at = (a.high - bytes) & ~mask
  if (at < a.low) return 0
  a.high = at
  return at
}

/** Take back what was pushed below `to`, an address that `arenaPush` gave before or the limit. */
export function arenaPop(arena: usize, to: usize): u32 {
  const a = arenaAt(arena)
  if (!a) return STATUS_FOREIGN
  if (!(a.flags & FLAG_FIXED) || to < a.high || to > a.limit) return STATUS_BAD_ARGUMENT
  a.high = to
  return STATUS_OK
}

/** Free the newest block, which must be `p`. */
export function arenaFreeLast(arena: usize, p: usize): u32 {
  const a = arenaAt(arena)
  if (!a) return STATUS_FOREIGN
  if (!p || p != a.last) return STATUS_BAD_ARGUMENT
  a.low = p
  a.last = 0
  return STATUS_OK
}

/** Shorten the newest block, which must be `p`, to `size` bytes. */
export function arenaShrinkLast(arena: usize, p: usize, size: u32): u32 {
  const a = arenaAt(arena)
  if (!a) return STATUS_FOREIGN
  if (!p || p != a.last || size > a.low - p) return STATUS_BAD_ARGUMENT
  a.low = p + max<u32>(size, 1)
  return STATUS_OK
}

/** Whether `low` is a place where the arena stood: in its current piece or at the end of an earlier one's used part. */
function findPiece(a: Arena, low: usize): usize {
  let piece = a.piece
  let end = a.low
  while (piece) {
    const header = changetype<Piece>(piece)
    if (low >= piece + PIECE_HEADER_BYTES && low <= end) return piece
    piece = header.prev
    if (piece) end = changetype<Piece>(piece).usedEnd
  }
  return 0
}

/** Free the pieces above `keep` (0: all). */
function freePiecesAbove(a: Arena, keep: usize): void {
  let piece = a.piece
  while (piece != keep) {
    check(piece != 0, 801, addressOf(a))
    const prev = changetype<Piece>(piece).prev
    freePiece(piece, false)
    piece = prev
  }
  a.piece = keep
}

/** Back to a savepoint: `low` and `high` as `arenaLow` and `arenaHigh` gave them. Low 0 is the empty arena. */
export function arenaRelease(arena: usize, low: usize, high: usize): u32 {
  const a = arenaAt(arena)
  if (!a) return STATUS_FOREIGN
  if (a.flags & FLAG_FIXED) {
    if (low < a.bottom || low > a.low || high < a.high || high > a.limit) return STATUS_BAD_ARGUMENT
    a.low = low
    a.high = high
    a.last = 0
    return STATUS_OK
  }
  if (!low) return arenaReset(arena)
  const piece = findPiece(a, low)
  if (!piece) return STATUS_BAD_ARGUMENT
  samplePeakWith(arenasUsed())
  freePiecesAbove(a, piece)
  openPiece(a, piece)
  a.low = low
  return STATUS_OK
}

/** Free everything. A growing arena keeps its first piece. */
export function arenaReset(arena: usize): u32 {
  const a = arenaAt(arena)
  if (!a) return STATUS_FOREIGN
  if (a.flags & FLAG_FIXED) {
    a.low = a.bottom
    a.high = a.limit
    a.last = 0
    return STATUS_OK
  }
  if (!a.piece) return STATUS_OK
  samplePeakWith(arenasUsed())
  let first = a.piece
  while (changetype<Piece>(first).prev) first = changetype<Piece>(first).prev
  freePiecesAbove(a, first)
  openPiece(a, first)
  a.low = a.bottom
  return STATUS_OK
}

export function arenaLow(arena: usize): usize {
  const a = arenaAt(arena)
  return a ? a.low : 0
}

export function arenaHigh(arena: usize): usize {
  const a = arenaAt(arena)
  return a ? a.high : 0
}

function usedBytes(a: Arena): u32 {
  return a.usedBefore + <u32>(a.low - a.bottom) + <u32>(a.limit - a.high)
}

/** Bytes handed out, padding between blocks included. */
export function arenaUsed(arena: usize): u32 {
  const a = arenaAt(arena)
  return a ? usedBytes(a) : 0
}

/** Bytes that the arena holds: its pieces, or its range. */
export function arenaHeld(arena: usize): u32 {
  const a = arenaAt(arena)
  if (!a) return 0
  if (a.flags & FLAG_FIXED) return <u32>(a.limit - a.bottom)
  let bytes: u32 = 0
  for (let piece = a.piece; piece; piece = changetype<Piece>(piece).prev) bytes += changetype<Piece>(piece).bytes
  return bytes
}

/** Used bytes of all growing arenas: what they have of the heap's owned bytes. */
export function arenasUsed(): u32 {
  let bytes: u32 = 0
  for (let arena = heap().arenas; arena; arena = changetype<Arena>(arena).next) {
    const a = changetype<Arena>(arena)
    if (!(a.flags & FLAG_FIXED)) bytes += usedBytes(a)
  }
  return bytes
}

// ---- for the verifier ---------------------------------------------------------------------------------------------

export function nextArena(arena: usize): usize {
  return changetype<Arena>(arena).next
}

/** Whether `arena` is a sound record behind `before` in the list, with sound pieces. Any address may be asked. */
export function arenaOk(arena: usize, before: usize): bool {
  const a = arenaAt(arena)
  if (!a || a.prev != before || a.low < a.bottom || a.low > a.high || a.high > a.limit) return false
  if (a.flags & FLAG_FIXED) return a.piece == 0
  let used = a.usedBefore
  let piece = a.piece
  if (piece && (a.bottom != piece + PIECE_HEADER_BYTES || a.high != a.limit)) return false
  while (piece) {
    const bytes = pieceBytes(piece)
    if (!bytes) return false
    const header = changetype<Piece>(piece)
    if (header.bytes != bytes || header.usedBefore != used) return false
    piece = header.prev
    if (!piece) break
    if (!pieceBytes(piece)) return false
    const last = changetype<Piece>(piece)
    const inside = <u32>(last.usedEnd - piece - PIECE_HEADER_BYTES)
    if (inside > last.bytes || inside > used) return false
    used -= inside
  }
  return used == 0
}
