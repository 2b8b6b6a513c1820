/**
 * Free memory that is given back to the system. The kernel says which units may go and keeps what has gone; the host
 * makes the calls. Two bits per unit, in the chunk's header:
 *
 *   TRIMMED   given back, and not used since: the system has no memory for it, and it reads as zero
 *   IDLE      found free by the last look, and not used since: what was idle for a whole delay may go
 *
 * What may go: units wholly inside free runs, whose memory is never touched while they are free (`links.ts`); in the
 * metadata of a chunk that is wholly free, the part of the map and the descriptors that zeros do as well for; and what
 * lies behind the top of an owned range. Only whole pages of the system, of one unit or up to sixteen, go.
 *
 * Both bits go where free memory is taken: `noteUse` in `runs.ts` and `chunk.ts`, behind one test of a word that is 0
 * while no bit is set anywhere. A page of the system counts as used when a part of it is.
 */
import { alignDown, alignUp } from '../bits/align'
import { check } from '../host'
import {
  CHUNK_BYTES,
  CHUNK_HEADER_BYTES,
  CHUNK_IDLE_AT,
  CHUNK_SHIFT,
  CHUNK_TRIMMED_AT,
  FLAG_OWNS_RANGE,
  GRANULE_SHIFT,
  STATUS_BAD_ARGUMENT,
  STATUS_OK,
  UNIT_BITS_BYTES,
  UNIT_BYTES,
  UNIT_SHIFT,
  WASM_PAGE_BYTES,
} from '../layout'
import { Chunk, Entry, Page, addressOf, chunkOf, entryOf, heap, mapAt } from '../overlay'
import { TRIE_BYTES } from './links'
import { objectBlockBytes, unitPlace, unitTag } from './piece'
import { isWhollyFree } from './runs'
import { freeGranulesFromStart, granulesFromStart, isFreeCode } from './tags'

const LAST_UNIT: u32 = 255
/** Bits of a MiB's units in words of 64. */
const WORDS: u32 = 4

// ---- bits of the units [first, last] of a MiB -----------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function unitOf(address: usize): u32 {
  return <u32>(address >> UNIT_SHIFT) & LAST_UNIT
}

// @ts-ignore: decorator
@inline
function bitOf(unit: u32): u32 {
  return (<u32>1) << (unit & 7)
}

function setBits(at: usize, first: u32, last: u32): void {
  for (let unit = first; unit <= last; unit++) {
    const place = at + (unit >> 3)
    store<u8>(place, <u8>(<u32>load<u8>(place) | bitOf(unit)))
  }
}

/** How many are set. */
export function countBits(at: usize, first: u32, last: u32): u32 {
  let count: u32 = 0
  for (let unit = first; unit <= last; unit++) count += (<u32>load<u8>(at + (unit >> 3)) >> (unit & 7)) & 1
  return count
}

/** Clear bits; how many were set. */
function clearBits(at: usize, first: u32, last: u32): u32 {
  const count = countBits(at, first, last)
  if (!count) return 0
  for (let unit = first; unit <= last; unit++) {
    const place = at + (unit >> 3)
    store<u8>(place, <u8>(<u32>load<u8>(place) & ~bitOf(unit)))
  }
  return count
}

/** Set the bits of the units that lie wholly in [from, to), which is in one MiB. */
function setWhole(at: usize, from: usize, to: usize): void {
  const start = alignUp(from, UNIT_BYTES)
  // `to` may be the end of the address space's last MiB, but is never 0.
  if (start >= from && start < to && to - start >= UNIT_BYTES) setBits(at, unitOf(start), unitOf(to - UNIT_BYTES))
}

/** Of groups of `grain` bytes of which some bits are set, set all or none. */
function evenGroups(at: usize, grain: u32, isAll: bool): void {
  const units = grain >> UNIT_SHIFT
  if (units == 1) return
  for (let first: u32 = 0; first < LAST_UNIT; first += units) {
    const last = first + units - 1
    const count = countBits(at, first, last)
    if (!count || count == units) continue
    if (isAll) setBits(at, first, last)
    else clearBits(at, first, last)
  }
}

// ---- use ------------------------------------------------------------------------------------------------------------

/** [from, to) of a chunk is taken from the free memory. */
// @ts-ignore: decorator
@inline
export function noteUse(entry: Entry, from: usize, to: usize): void {
  if (heap().noted) forget(chunkOf(entry), from, to)
}

/** The chunk is no longer what it was: all of it. */
// @ts-ignore: decorator
@inline
export function noteUseOfAll(entry: Entry): void {
  if (heap().noted) forget(chunkOf(entry), chunkOf(entry).metadataAt, chunkOf(entry).hi)
}

function forget(chunk: Chunk, from: usize, to: usize): void {
  const h = heap()
  const trimmedBits = addressOf(chunk) + CHUNK_TRIMMED_AT
  const idleBits = addressOf(chunk) + CHUNK_IDLE_AT
  let metadata: u32 = 0
  let idle: u32 = 0
  // The metadata is about to be written to. It has bits only while nothing in the chunk is in use: seldom. There are no
  // more than 17 of them, which lie in four bytes.
  const start = unitOf(chunk.metadataAt)
  if (load<u32>(trimmedBits + (start >> 3)) | load<u32>(idleBits + (start >> 3))) {
    metadata = clearBits(trimmedBits, start, unitOf(chunk.lo - 1))
    idle = clearBits(idleBits, start, unitOf(chunk.lo - 1))
  }
  const first = unitOf(alignDown(from, h.trimGrain))
  const last = unitOf((to - 1) | (h.trimGrain - 1))
  const trimmed = clearBits(trimmedBits, first, last) + metadata
  idle += clearBits(idleBits, first, last)
  check(h.noted >= trimmed + idle && h.trimmedBytes >= trimmed << UNIT_SHIFT, 321, from)
  h.noted -= trimmed + idle
  h.trimmedBytes -= trimmed << UNIT_SHIFT
  h.trimmedMetadataBytes -= metadata << UNIT_SHIFT
}

// ---- looking --------------------------------------------------------------------------------------------------------

/** The entry of MiB number `mib` if it is a chunk of ours. */
// @ts-ignore: decorator
@inline
function hasChunk(entry: Entry, mib: u32): bool {
  return entry.spanGranules != 0 && <u32>(entry.lo >> CHUNK_SHIFT) == mib
}

/** Low bit of an extent: what begins there is a free run. */
const FREE: u32 = 1

/** Bytes from `at`, where a page, an object block or a run begins, to the next one, and FREE. 0 for what is unsound. */
function extent(entry: Entry, at: usize): u32 {
  if (!(at & (UNIT_BYTES - 1))) {
    const head = load<usize>(unitPlace(entry, at))
    if (head) return <u32>changetype<Page>(head).units << UNIT_SHIFT
    if (heap().space && unitTag(entry, at)) return objectBlockBytes(entry, at)
  }
  const map = mapAt(entry, at)
  if (isFreeCode(load<u8>(map))) return (freeGranulesFromStart(map) << GRANULE_SHIFT) | FREE
  return granulesFromStart(map) << GRANULE_SHIFT
}

/** Set the bits of all units of a chunk whose contents are not needed. */
function markFree(entry: Entry, bits: usize): void {
  const chunk = chunkOf(entry)
  if (isWhollyFree(entry) && chunk.hi == chunk.cap) markFreeMetadata(entry, bits)
  for (let at = entry.lo; at < chunk.hi; ) {
    const found = extent(entry, at)
    const bytes = found & ~FREE
    if (!bytes || bytes > <u32>(chunk.hi - at)) return
    if (found & FREE) setWhole(bits, at, at + bytes)
    at += bytes
  }
}

/**
 * In the metadata of a chunk that is one free run, all is zero or of no use but the header, the run's tags and links,
 * and 0 in the first word of each descriptor.
 */
function markFreeMetadata(entry: Entry, bits: usize): void {
  const chunk = chunkOf(entry)
  const map = chunk.metadataAt + CHUNK_HEADER_BYTES
  const mapEnd = map + (entry.spanGranules as usize)
  setWhole(bits, map + TRIE_BYTES, mapEnd - 4)
  setWhole(bits, mapEnd, chunk.lo)
}

/**
 * Look for what may be given back in MiB number `mib` to a system whose pages have `grain` bytes: with `isIdleOnly`
 * what was free at the last such look, and the rest is noted as idle. Leaves a bit per unit, and the bytes that were
 * looked at, in the scratch area. The bytes that may be given back; any arguments may be given.
 */
export function trimFind(mib: u32, grain: u32, isIdleOnly: u32): u32 {
  const h = heap()
  const bits = h.scratch
  memory.fill(bits, 0, UNIT_BITS_BYTES + 4)
  const entry = entryOf(<usize>mib << CHUNK_SHIFT)
  if (grain < UNIT_BYTES || grain > WASM_PAGE_BYTES || popcnt(grain) != 1 || !hasChunk(entry, mib)) return 0
  // Whoever looks in larger pages later must find whole ones.
  h.trimGrain = max(h.trimGrain, grain)
  markFree(entry, bits)
  evenGroups(bits, h.trimGrain, false)
  store<u32>(bits + UNIT_BITS_BYTES, countBits(bits, 0, LAST_UNIT) << UNIT_SHIFT)
  const chunk = addressOf(chunkOf(entry))
  for (let i: u32 = 0; i < WORDS; i++) choose(bits + (i << 3), chunk + (i << 3), isIdleOnly != 0)
  // Where smaller pages have gone before, the larger one around them goes again.
  evenGroups(bits, h.trimGrain, true)
  return countBits(bits, 0, LAST_UNIT) << UNIT_SHIFT
}

/** Of the free units in the word at `at` keep what may go; `chunk` is where the chunk's bits are counted from. */
function choose(at: usize, chunk: usize, isIdleOnly: bool): void {
  const left = load<u64>(at) & ~load<u64>(chunk, CHUNK_TRIMMED_AT)
  const idle = load<u64>(chunk, CHUNK_IDLE_AT)
  store<u64>(at, isIdleOnly ? left & idle : left)
  if (!isIdleOnly) return
  store<u64>(chunk, idle | left, CHUNK_IDLE_AT)
  heap().noted += <u32>popcnt(left & ~idle)
}

/**
 * What the bits in the scratch area say of MiB number `mib` has been given back; they are good until the next call. The
 * bytes that count as given back now and did not before.
 */
export function trimMark(mib: u32): u32 {
  const h = heap()
  const entry = entryOf(<usize>mib << CHUNK_SHIFT)
  if (!hasChunk(entry, mib) || !h.trimGrain) return 0
  const chunk = chunkOf(entry)
  const at = addressOf(chunk)
  const firstFree = unitOf(chunk.lo)
  const inMetadata = countBits(at + CHUNK_TRIMMED_AT, 0, firstFree - 1)
  // Whatever the scratch area holds, nothing in use counts as given back.
  const free = h.scratch + UNIT_BITS_BYTES
  memory.fill(free, 0, UNIT_BITS_BYTES)
  markFree(entry, free)
  let trimmed: u32 = 0
  let idle: u32 = 0
  for (let i: u32 = 0; i < WORDS; i++) {
    const wanted = load<u64>(h.scratch + (i << 3)) & load<u64>(free + (i << 3))
    const gone = wanted & ~load<u64>(at + (i << 3), CHUNK_TRIMMED_AT)
    const had = load<u64>(at + (i << 3), CHUNK_IDLE_AT)
    store<u64>(at + (i << 3), load<u64>(at + (i << 3), CHUNK_TRIMMED_AT) | gone, CHUNK_TRIMMED_AT)
    store<u64>(at + (i << 3), had & ~gone, CHUNK_IDLE_AT)
    trimmed += <u32>popcnt(gone)
    idle += <u32>popcnt(had & gone)
  }
  h.noted += trimmed - idle
  h.trimmedBytes += trimmed << UNIT_SHIFT
  h.trimmedMetadataBytes += (countBits(at + CHUNK_TRIMMED_AT, 0, firstFree - 1) - inMetadata) << UNIT_SHIFT
  return trimmed << UNIT_SHIFT
}

/** The memory of an owned range is zero from `address` on, which is `top` or above. */
export function trimBehind(address: usize): u32 {
  const h = heap()
  if (!(h.flags & FLAG_OWNS_RANGE) || address < h.top || address > h.zeroFrom) return STATUS_BAD_ARGUMENT
  h.zeroFrom = address
  return STATUS_OK
}

// ---- for the verifier -----------------------------------------------------------------------------------------------

/** How many units of a chunk that lie wholly in [from, to) are noted. */
export function notedIn(chunk: Chunk, from: usize, to: usize): u32 {
  const start = alignUp(from, UNIT_BYTES)
  if (start >= to || to - start < UNIT_BYTES) return 0
  const at = addressOf(chunk)
  const last = unitOf(to - UNIT_BYTES)
  return countBits(at + CHUNK_TRIMMED_AT, unitOf(start), last) + countBits(at + CHUNK_IDLE_AT, unitOf(start), last)
}
