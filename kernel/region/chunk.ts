/**
 * Chunks: making one over a MiB (or the part of it that is ours), extending its held part, taking it back.
 * A chunk's metadata lies at its low end and covers everything up to `cap`, so that growth inside the chunk is only a
 * matter of moving `hi`.
 */
import { IN_GUEST, check } from '../host'
import { alignUp } from '../bits/align'
import {
  CHUNK_BYTES,
  CHUNK_HEADER_BYTES,
  CHUNK_SHIFT,
  CODE_RESERVED,
  FLAG_OWNS_RANGE,
  FLAG_PIECES,
  GRANULE_SHIFT,
  MAP_SENTINEL_BYTES,
  PAGE_BYTES,
  PAGE_SHIFT,
  UNIT_BYTES,
  UNIT_GRANULES,
  UNIT_SHIFT,
  WASM_PAGE_BYTES,
} from '../layout'
import { Chunk, Entry, chunkOf, entryOf, heap, mapAt } from '../overlay'
import { freeRun, takeFree } from './runs'
import { freeGranulesFromStart, tagLive } from './tags'
import { noteUse, noteUseOfAll } from './trim'

/** Bytes of metadata per unit covered: 256 map bytes and a descriptor. */
const BYTES_PER_UNIT: u32 = UNIT_GRANULES + PAGE_BYTES
const FIXED_BYTES: u32 = CHUNK_HEADER_BYTES + MAP_SENTINEL_BYTES

/** Units of metadata in front of a chunk that reaches from `from` (a unit) to `cap`. */
export function metadataUnits(from: usize, cap: usize): u32 {
  const total = <u32>((cap - from) >> UNIT_SHIFT)
  return (FIXED_BYTES + BYTES_PER_UNIT * total + UNIT_BYTES + BYTES_PER_UNIT - 1) / (UNIT_BYTES + BYTES_PER_UNIT)
}

/** End of what a chunk around `address` may ever cover. */
export function chunkCap(address: usize): usize {
  const next = (address & ~(CHUNK_BYTES - 1)) + CHUNK_BYTES
  // In the last MiB of the address space `next` is 0.
  return next - 1 < heap().end - 1 ? next : heap().end
}

/** Least held end at which a chunk that begins at `from` is worth making: its metadata and one unit. */
export function chunkMinimum(from: usize): usize {
  return from + <usize>(metadataUnits(from, chunkCap(from)) + 1) * UNIT_BYTES
}

/** End of what the chunk [from, hi) covers: a tenant's piece never becomes longer. */
function capFor(from: usize, hi: usize): usize {
  return !IN_GUEST && heap().flags & FLAG_PIECES ? hi : chunkCap(from)
}

/** Make the chunk [from, hi). With `dirty` its metadata is cleared first; fresh memory is zero already. */
export function makeChunk(from: usize, hi: usize, dirty: bool): void {
  const cap = capFor(from, hi)
  const bytes = metadataUnits(from, cap) << UNIT_SHIFT
  check(from + bytes < hi && hi <= cap, 301, from)
  if (dirty) memory.fill(from, 0, bytes)
  const lo = from + bytes
  const chunk = changetype<Chunk>(from)
  chunk.metadataAt = from
  chunk.lo = lo
  chunk.hi = hi
  chunk.cap = cap
  chunk.metadataBytes = bytes
  const entry = entryOf(from)
  entry.lo = lo
  entry.mapBias = from + CHUNK_HEADER_BYTES - (lo >> GRANULE_SHIFT)
  const descriptors = from + CHUNK_HEADER_BYTES + ((cap - lo) >> GRANULE_SHIFT) + MAP_SENTINEL_BYTES
  entry.unitBias = descriptors - ((lo >> UNIT_SHIFT) << PAGE_SHIFT)
  entry.spanGranules = <u32>((hi - lo) >> GRANULE_SHIFT)
  heap().metadataBytes += bytes
  freeRun(lo, entry.spanGranules)
}

/** Make the chunk anew with everything in it free, except what somebody else holds. */
export function remakeChunk(entry: Entry): void {
  const chunk = chunkOf(entry)
  const from = chunk.metadataAt
  const hi = chunk.hi
  const foreign = chunk.foreign
  if (!foreign) {
    makeChunk(from, hi, true)
    return
  }
  // Make it up to the first foreign piece, then go on piece by piece.
  let at = from
  let made = false
  while (at < hi) {
    const isForeign = isForeignPage(foreign, at)
    let stop = nextPage(at)
    while (stop < hi && isForeignPage(foreign, stop) == isForeign) stop = nextPage(stop)
    if (stop > hi) stop = hi
    if (isForeign) reserveGap(entry, stop)
    else if (made) extendChunk(entry, stop)
    else {
      makeChunk(from, stop, true)
      made = true
    }
    at = stop
  }
}

// @ts-ignore: decorator
@inline
function nextPage(address: usize): usize {
  return (address & ~(WASM_PAGE_BYTES - 1)) + WASM_PAGE_BYTES
}

// @ts-ignore: decorator
@inline
function isForeignPage(foreign: u32, address: usize): bool {
  return ((foreign >> ((address >> 16) & 15)) & 1) != 0
}

/** Mark what others hold between the chunk's held end and `to`, whole WebAssembly pages. */
export function reserveGap(entry: Entry, to: usize): void {
  const chunk = chunkOf(entry)
  const from = chunk.hi
  if (from == to) return
  check(!(heap().flags & FLAG_OWNS_RANGE) && !((from | to) & (WASM_PAGE_BYTES - 1)), 304, from)
  tagLive(mapAt(entry, from), <u32>((to - from) >> GRANULE_SHIFT), CODE_RESERVED)
  for (let page = from; page < to; page += WASM_PAGE_BYTES) chunk.foreign |= <u32>1 << ((page >> 16) & 15)
  chunk.hi = to
}

/** Hold more of the chunk: [hi, to) becomes free. */
export function extendChunk(entry: Entry, to: usize): void {
  const chunk = chunkOf(entry)
  const from = chunk.hi
  check(to > from && to <= chunk.cap, 302, to)
  chunk.hi = to
  entry.spanGranules = <u32>((to - entry.lo) >> GRANULE_SHIFT)
  freeRun(from, <u32>((to - from) >> GRANULE_SHIFT))
}

/** Hold less of the chunk: of the free run at `free`, which ends at its held end, only what lies below `to` stays. */
export function shortenChunk(entry: Entry, free: usize, to: usize): void {
  const chunk = chunkOf(entry)
  const map = mapAt(entry, free)
  noteUse(entry, to, chunk.hi)
  takeFree(free, map, freeGranulesFromStart(map))
  heap().freeBytes -= chunk.hi - free
  chunk.hi = to
  entry.spanGranules = <u32>((to - entry.lo) >> GRANULE_SHIFT)
  if (free < to) freeRun(free, <u32>((to - free) >> GRANULE_SHIFT))
}

/** Take a wholly free chunk out of service; its MiB is then nobody's. */
export function dropChunk(entry: Entry): void {
  unmakeChunk(entry)
  entry.lo = 0
  entry.mapBias = 0
  entry.unitBias = 0
  entry.spanGranules = 0
}

/** Take a wholly free chunk out of service; its MiB then belongs to the caller. */
export function unmakeChunk(entry: Entry): void {
  const chunk = chunkOf(entry)
  const lo = entry.lo
  const map = mapAt(entry, lo)
  const granules = freeGranulesFromStart(map)
  check(granules == entry.spanGranules, 303, lo)
  noteUseOfAll(entry)
  takeFree(lo, map, granules)
  heap().freeBytes -= granules << GRANULE_SHIFT
  heap().metadataBytes -= chunk.metadataBytes
}

/** Whether the chunk fills its MiB: it starts at its first byte and is held to its end. */
export function fillsMib(entry: Entry): bool {
  if (!entry.spanGranules) return false
  const chunk = chunkOf(entry)
  return (chunk.metadataAt & (CHUNK_BYTES - 1)) == 0 && (chunk.hi & (CHUNK_BYTES - 1)) == 0
}

/** Whether a chunk's header and table entry are what `makeChunk` would have written for its bounds. */
export function chunkLayoutOk(entry: Entry): bool {
  const lo = entry.lo
  const from = entry.mapBias + (lo >> GRANULE_SHIFT) - CHUNK_HEADER_BYTES
  // The header must lie in the same MiB before it can be read.
  if (from >> CHUNK_SHIFT != lo >> CHUNK_SHIFT || from >= lo || from < heap().low) return false
  const chunk = changetype<Chunk>(from)
  const cap = capFor(from, chunk.hi)
  const descriptors = from + CHUNK_HEADER_BYTES + ((cap - lo) >> GRANULE_SHIFT) + MAP_SENTINEL_BYTES
  return (
    cap - 1 >> CHUNK_SHIFT == from >> CHUNK_SHIFT &&
    chunk.metadataAt == from &&
    chunk.lo == lo &&
    chunk.cap == cap &&
    chunk.hi > lo &&
    chunk.hi <= cap &&
    chunk.hi <= heap().top &&
    chunk.metadataBytes == metadataUnits(from, cap) << UNIT_SHIFT &&
    lo == from + chunk.metadataBytes &&
    entry.unitBias == descriptors - ((lo >> UNIT_SHIFT) << PAGE_SHIFT) &&
    entry.spanGranules == <u32>((chunk.hi - lo) >> GRANULE_SHIFT)
  )
}

/** First MiB boundary at or above `address`. */
// @ts-ignore: decorator
@inline
export function nextMib(address: usize): usize {
  return alignUp(address, CHUNK_BYTES)
}
