/**
 * Pools: blocks of one size, made in advance, each acquired and released in constant time.
 *
 *   record    0 kind  4 next  8 prev (list of pools)  12 free  16 stride  20 grows  24 slots  28 used
 *             32 first (segment)  36 carving (segment)
 *   segment   a slotted piece (`region/piece.ts`): [ pool | next | slots | carved | slotBytes | ... ][ slot ] ...
 *             Its units lead back to it, so that a slot's address leads to its pool.
 *
 * An acquired slot's map byte is POOL_BLOCK: releasing twice, or the inside of a slot, is refused by it.
 */
import { allocRecord, freeRecord, isRecord, RECORD_POOL } from '../block/record'
import { countAlloc, countFree, countFreeMany } from '../block/count'
import {
  CODE_POOL_BLOCK,
  STATUS_FOREIGN,
  STATUS_NOT_A_BLOCK,
  STATUS_OK,
  STATUS_OWNED,
  UNIT_BYTES,
  UNIT_SHIFT,
} from '../layout'
import { entryOf, heap, holds, mapAt } from '../overlay'
import { addressStatus } from '../block/alloc'
import {
  SLOTTED_HEADER_BYTES,
  SlottedPiece,
  allocSlottedPiece,
  freePiece,
  pieceAround,
  pieceBytes,
} from '../region/piece'

@unmanaged
class Pool {
  kind: u32
  next: usize
  prev: usize
  free: usize
  stride: u32
  grows: u32
  slots: u32
  used: u32
  first: usize
  carving: usize
}

const SEGMENT_UNITS_MAX: u32 = 239
/** Largest block of a pool: what one segment of a chunk can hold. */
export const POOL_BLOCK_MAX_BYTES: u32 = 900 << 10

function poolAt(pool: usize): Pool | null {
  return isRecord(pool, RECORD_POOL) ? changetype<Pool>(pool) : null
}

/**
 * A pool of `count` blocks of `size` bytes; with `grows` it makes more when they are used up. 0: out of memory or
 * range.
 */
export function poolCreate(size: u32, count: u32, grows: u32): usize {
  // Refused before growth is tried for what no growth can give.
  if (size > POOL_BLOCK_MAX_BYTES || <u64>count * <u64>max<u32>(size, 16) > <u64>heap().limitBytes) return 0
  const pool = allocRecord(offsetof<Pool>(), RECORD_POOL)
  if (!pool) return 0
  const p = changetype<Pool>(pool)
  p.stride = max<u32>((size + 15) & ~15, 16)
  p.grows = grows
  p.next = heap().pools
  if (p.next) changetype<Pool>(p.next).prev = pool
  heap().pools = pool
  while (p.slots < count) {
    if (addSegment(pool, p, count - p.slots)) continue
    poolDestroy(pool)
    return 0
  }
  p.carving = p.first
  return pool
}

/** Append a segment for up to `count` slots: as many as a chunk holds. */
function addSegment(pool: usize, p: Pool, count: u32): bool {
  const bytes = <u64>count * <u64>p.stride + SLOTTED_HEADER_BYTES
  const units = <u32>min<u64>((bytes + UNIT_BYTES - 1) >> UNIT_SHIFT, SEGMENT_UNITS_MAX)
  const segment = allocSlottedPiece(units)
  if (!segment) return false
  const s = changetype<SlottedPiece>(segment)
  s.owner = pool
  s.slotBytes = p.stride
  s.next = 0
  s.slots = min<u32>(((units << UNIT_SHIFT) - SLOTTED_HEADER_BYTES) / p.stride, count)
  s.carved = 0
  // Segments stand in the order they are carved.
  if (p.first) {
    let last = p.first
    while (changetype<SlottedPiece>(last).next) last = changetype<SlottedPiece>(last).next
    changetype<SlottedPiece>(last).next = segment
  } else p.first = segment
  if (p.carving) {
    const carving = changetype<SlottedPiece>(p.carving)
    if (carving.carved == carving.slots) p.carving = segment
  }
  p.slots += s.slots
  return true
}

/** Free the pool with all its blocks, acquired ones too. */
export function poolDestroy(pool: usize): u32 {
  const p = poolAt(pool)
  if (!p) return STATUS_FOREIGN
  countFreeMany(p.used, p.stride)
  let segment = p.first
  while (segment) {
    const next = changetype<SlottedPiece>(segment).next
    freePiece(segment, true)
    segment = next
  }
  if (p.next) changetype<Pool>(p.next).prev = p.prev
  if (p.prev) changetype<Pool>(p.prev).next = p.next
  else heap().pools = p.next
  freeRecord(pool)
  return STATUS_OK
}

/** A block of the pool, 0 when all are in use and it does not grow, or is out of memory. */
export function poolAcquire(pool: usize): usize {
  const p = poolAt(pool)
  if (!p) return 0
  let block = p.free
  if (block) p.free = load<usize>(block)
  else {
    block = carve(pool, p)
    if (!block) return 0
  }
  p.used++
  countAlloc(p.stride)
  store<u8>(mapAt(entryOf(block), block), <u8>CODE_POOL_BLOCK)
  return block
}

/** A fresh slot, from the segments in order; from a new one as large as all before when the pool grows. */
function carve(pool: usize, p: Pool): usize {
  let s = changetype<SlottedPiece>(p.carving)
  while (!p.carving || s.carved == s.slots) {
    if (p.carving && s.next) p.carving = s.next
    else {
      if (!p.grows) return 0
      if (!addSegment(pool, p, max<u32>(p.slots, 1)) && !addSegment(pool, p, 1)) return 0
      if (!p.carving) p.carving = p.first
    }
    s = changetype<SlottedPiece>(p.carving)
  }
  return p.carving + SLOTTED_HEADER_BYTES + s.carved++ * p.stride
}

/** Give back a block of the pool. Anything else is refused. */
export function poolRelease(pool: usize, block: usize): u32 {
  const p = poolAt(pool)
  if (!p) return STATUS_FOREIGN
  const entry = entryOf(block)
  if (!holds(entry, block)) return addressStatus(block)
  const map = mapAt(entry, block)
  if (load<u8>(map) != <u8>CODE_POOL_BLOCK) return STATUS_NOT_A_BLOCK
  if (changetype<SlottedPiece>(pieceAround(entry, block)).owner != pool) return STATUS_OWNED
  store<u8>(map, 0)
  store<usize>(block, p.free)
  p.free = block
  p.used--
  countFree(p.stride)
  return STATUS_OK
}

export function poolSlots(pool: usize): u32 {
  const p = poolAt(pool)
  return p ? p.slots : 0
}

export function poolUsed(pool: usize): u32 {
  const p = poolAt(pool)
  return p ? p.used : 0
}

// ---- for the verifier ---------------------------------------------------------------------------------------------

export function nextPool(pool: usize): usize {
  return changetype<Pool>(pool).next
}

/** Whether `pool` is a sound record behind `before` in the list, with sound segments. Any address may be asked. */
export function poolOk(pool: usize, before: usize): bool {
  const p = poolAt(pool)
  if (!p || p.prev != before || p.used > p.slots) return false
  let slots: u32 = 0
  let carved: u32 = 0
  let live: u32 = 0
  for (let segment = p.first; segment; segment = changetype<SlottedPiece>(segment).next) {
    const bytes = pieceBytes(segment)
    if (!bytes) return false
    const s = changetype<SlottedPiece>(segment)
    if (s.owner != pool || s.carved > s.slots || s.slots > (bytes - SLOTTED_HEADER_BYTES) / p.stride) return false
    slots += s.slots
    carved += s.carved
    if (slots > p.slots) return false
    const entry = entryOf(segment)
    for (let i: u32 = 0; i < s.carved; i++) {
      const code = load<u8>(mapAt(entry, segment + SLOTTED_HEADER_BYTES + i * p.stride))
      if (code == <u8>CODE_POOL_BLOCK) live++
    }
  }
  return slots == p.slots && live == p.used && freeListOk(pool, p, carved - live)
}

/** Whether the free list has `count` slots of this pool, none of them acquired. */
function freeListOk(pool: usize, p: Pool, count: u32): bool {
  for (let slot = p.free; slot; slot = load<usize>(slot)) {
    const entry = entryOf(slot)
    if (!count-- || !holds(entry, slot) || load<u8>(mapAt(entry, slot))) return false
    const segment = pieceAround(entry, slot)
    if (!pieceBytes(segment) || changetype<SlottedPiece>(segment).owner != pool) return false
    const offset = slot - segment - SLOTTED_HEADER_BYTES
    if (offset % p.stride || offset / p.stride >= changetype<SlottedPiece>(segment).carved) return false
  }
  return count == 0
}
