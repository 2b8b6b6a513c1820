/**
 * The bump allocator behind `compiler` mode: blocks one behind the other, freed in bulk. Each block has its map byte
 * like any other, so a bad or second `free` is refused; a freed block's bytes are not used again before the heap is
 * reset, except the newest block's.
 *
 *   piece   [ next | 60 bytes ][ block ][ block ] ... bump -> ... limit [ stop granule ]
 *           The stop granule's map byte is DEAD: with the next block's byte it bounds a block's length.
 *
 * Requests above a quarter of a chunk are runs of their own, which `free` gives back.
 */
import {
  CODE_BUMP_BLOCK,
  CODE_BUMP_DEAD,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  REQUEST_MAX_BYTES,
  STATUS_NOT_A_BLOCK,
  STATUS_OK,
} from '../layout'
import { IN_GUEST } from '../host'
import { context, entryOf, heap, mapAt } from '../overlay'
import { allocPiece, growPiece, pieceBytes } from '../region/piece'
import { allocLarge } from './alloc'
import { countAlloc, countFree, countResize, samplePeak } from './count'

const PIECE_HEADER_BYTES: u32 = 64
const PIECE_FIRST_BYTES: u32 = 16 << 10
const PIECE_MAX_BYTES: u32 = 239 * 4096
/** Longer requests get a run of their own. */
const BUMP_MAX_BYTES: u32 = 256 << 10

/** A block of at least `size` bytes at a multiple of 16, or 0. */
export function bumpAlloc(size: u32): usize {
  const block = context().bump
  const bytes = max<u32>((size + 15) & ~15, GRANULE_BYTES)
  if (size <= BUMP_MAX_BYTES && bytes <= context().bumpLimit - block) {
    context().bump = block + bytes
    store<u8>(context().bumpMap + (block >> GRANULE_SHIFT), <u8>CODE_BUMP_BLOCK)
    countAlloc(bytes)
    return block
  }
  return bumpSlow(size, bytes)
}

function bumpSlow(size: u32, bytes: u32): usize {
  if (size > REQUEST_MAX_BYTES) return 0
  const committed = heap().committedBytes
  let block: usize = 0
  if (size > BUMP_MAX_BYTES) block = allocLarge(size, GRANULE_BYTES)
  else if (extendPiece(bytes) || startPiece(bytes)) block = bumpAlloc(size)
  if (heap().committedBytes != committed) samplePeak()
  return block
}

/** Double the current piece where it lies, or lengthen it by what is needed. */
function extendPiece(bytes: u32): bool {
  const piece = heap().bumpPieces
  if (!piece) return false
  const have = pieceBytes(piece)
  if (have + bytes > PIECE_MAX_BYTES) return false
  const stop = context().bumpLimit
  const doubled = min<u32>(max<u32>(have << 1, have + bytes), PIECE_MAX_BYTES)
  if (!growPiece(piece, doubled) && !growPiece(piece, have + bytes)) return false
  store<u8>(context().bumpMap + (stop >> GRANULE_SHIFT), 0)
  setLimit(piece + pieceBytes(piece) - GRANULE_BYTES)
  return true
}

function startPiece(bytes: u32): bool {
  const before = heap().bumpPieces
  const least = bytes + PIECE_HEADER_BYTES + GRANULE_BYTES
  const wanted = before ? min<u32>(pieceBytes(before) << 1, PIECE_MAX_BYTES) : PIECE_FIRST_BYTES
  let piece = allocPiece(max<u32>(wanted, least))
  if (!piece) piece = allocPiece(least)
  if (!piece) return false
  if (before && context().bump < context().bumpLimit)
    store<u8>(context().bumpMap + (context().bump >> GRANULE_SHIFT), <u8>CODE_BUMP_DEAD)
  store<usize>(piece, before)
  heap().bumpPieces = piece
  const entry = entryOf(piece)
  context().bumpMap = entry.mapBias
  context().bump = piece + PIECE_HEADER_BYTES
  setLimit(piece + pieceBytes(piece) - GRANULE_BYTES)
  return true
}

function setLimit(limit: usize): void {
  context().bumpLimit = limit
  store<u8>(context().bumpMap + (limit >> GRANULE_SHIFT), <u8>CODE_BUMP_DEAD)
}

// @ts-ignore: decorator
@inline
export function isBumpBlock(code: u32): bool {
  return !IN_GUEST && code == CODE_BUMP_BLOCK
}

/** Bytes of the block at `p`, live or dead: up to the next code in the map, or to where the next block will lie. */
export function bumpBlockBytes(p: usize): u32 {
  const start = mapAt(entryOf(p), p)
  const bump = context().bump
  // In the current piece nothing stands in the map from the next place on: the newest block ends there.
  const end = p < bump && p >= heap().bumpPieces ? start + ((bump - p) >> GRANULE_SHIFT) : usize.MAX_VALUE
  let map = start + 1
  while (map < end && map & 7 && !load<u8>(map)) map++
  while (map < end && !load<u8>(map)) map += load<u64>(map) ? 1 : 8
  return <u32>((min(map, end) - start) << GRANULE_SHIFT)
}

/** Free the block at `p`, whose map byte is BUMP_BLOCK. */
export function bumpFree(p: usize): u32 {
  const map = mapAt(entryOf(p), p)
  if (load<u8>(map) != <u8>CODE_BUMP_BLOCK) return STATUS_NOT_A_BLOCK
  const bytes = bumpBlockBytes(p)
  countFree(bytes)
  if (p + bytes == context().bump) {
    context().bump = p
    store<u8>(map, 0)
  } else {
    heap().bumpDeadBytes += bytes
    store<u8>(map, <u8>CODE_BUMP_DEAD)
  }
  return STATUS_OK
}

/** Resize in place: the newest block up to its piece's end, any block to fewer bytes. */
export function bumpResize(p: usize, have: u32, size: u32): bool {
  if (p + have != context().bump) return size <= have
  const bytes = max<u32>((size + 15) & ~15, GRANULE_BYTES)
  if (bytes > context().bumpLimit - p) return false
  context().bump = p + bytes
  countResize(have, bytes)
  return true
}
