/**
 * Huge blocks: larger than a chunk can give. One ends at a MiB boundary; it takes whole MiBs, and what does not fill a
 * MiB lies in front of them, as the last run of the chunk before ("head"). So no metadata stands inside the block and
 * none is needed behind it.
 *
 *      chunk A                            MiB            MiB
 *      [ metadata | other blocks | head ][ user bytes ][ user bytes ]      end = start + bytes
 *                                  ^ start: code HUGE in A's map; without a head, the first MiB's table entry says it
 *
 * The table entry of each whole MiB is { code, start, 0, bytes }: its span of 0 makes every address inside refused at
 * the range check, whatever the bytes there look like. An owned one may have a map of its own; its bias, a multiple of
 * 16, then stands in place of the code.
 *
 * Placing is best fit over sequences of wholly free chunks and costs a look at each MiB held.
 */
import { check } from '../host'
import {
  FOREIGN_MIB,
  CHUNK_BYTES,
  CHUNK_SHIFT,
  CODE_HUGE,
  CODE_HUGE_OWNED,
  CODE_LENT_MIB,
  CODE_RUN,
  CODE_RUN_OWNED,
  GRANULE_SHIFT,
} from '../layout'
import { Entry, chunkOf, entryOf, heap, holds, mapAt } from '../overlay'
import { borrowMibs, holdsPieces } from './borrow'
import { chunkCap, fillsMib, makeChunk, nextMib, unmakeChunk } from './chunk'
import { growthStart, hold } from './grow'
import { claimRun, growRun, isWhollyFree, lastFreeRun, shrinkRun } from './runs'
import { tagLive, untagLive } from './tags'
import { freeRun } from './runs'

const MIB_MASK: u32 = CHUNK_BYTES - 1
/** A head shorter than this has no room for its tag. */
const HEAD_MIN_BYTES: u32 = 64

// @ts-ignore: decorator
@inline
function entryOfMib(mib: u32): Entry {
  return entryOf(<usize>mib << CHUNK_SHIFT)
}

/** Code of a huge block, from the entry of one of its MiBs. */
export function hugeCode(entry: Entry): u32 {
  return isHugeCode(<u32>entry.mapBias) ? <u32>entry.mapBias : CODE_HUGE_OWNED
}

/** Whether the MiB of an entry without a span is another heap's, see `object/owners.ts`. */
// @ts-ignore: decorator
@inline
export function isForeignMib(entry: Entry): bool {
  return (entry.unitBias & FOREIGN_MIB) != 0
}

/** Give the owned huge block of whole MiBs at `start` a map: one byte per granule at `map`, a multiple of 16. */
export function giveMap(start: usize, bytes: u32, map: usize): void {
  for (let at = start; at < start + bytes; at += CHUNK_BYTES) entryOf(at).mapBias = map - (start >> GRANULE_SHIFT)
}

/** Take it away again. */
export function takeMap(start: usize, bytes: u32): void {
  for (let at = start; at < start + bytes; at += CHUNK_BYTES) entryOf(at).mapBias = CODE_HUGE_OWNED
}

function isFreeMib(mib: u32): bool {
  const entry = entryOfMib(mib)
  return entry.lo >> CHUNK_SHIFT == mib && fillsMib(entry) && isWhollyFree(entry)
}

/** Free bytes at the end of the chunk of `mib`, 0 if it does not reach the MiB's end. */
function headroom(mib: u32): u32 {
  const entry = entryOfMib(mib)
  if (!entry.spanGranules || entry.lo >> CHUNK_SHIFT != mib || chunkOf(entry).hi & MIB_MASK) return 0
  const free = lastFreeRun(entry)
  return free ? chunkOf(entry).hi - free : 0
}

/**
 * First whole MiB of the best place for `mibs` of them behind a head of `head` bytes, or 0: the shortest sequence of
 * free MiBs that is long enough, the lowest of several.
 */
function findPlace(mibs: u32, head: u32): u32 {
  const last = <u32>((heap().top - 1) >> CHUNK_SHIFT)
  let best: u32 = 0
  let bestRest = u32.MAX_VALUE
  let mib = <u32>(heap().low >> CHUNK_SHIFT)
  while (mib <= last) {
    if (!isFreeMib(mib)) {
      mib++
      continue
    }
    const first = mib
    while (mib <= last && isFreeMib(mib)) mib++
    const inFront = head != 0 && (first == 0 || headroom(first - 1) < head)
    const needed = mibs + (inFront ? 1 : 0)
    const length = mib - first
    if (length < needed || (inFront && headroom(first) < head)) continue
    if (length - needed < bestRest) {
      best = first + (inFront ? 1 : 0)
      bestRest = length - needed
    }
  }
  return best
}

/** Grow until a place for `mibs` behind a head of `head` bytes exists. */
export function growForHuge(mibs: u32, head: u32): bool {
  if (holdsPieces()) return borrowMibs(mibs + (head ? 1 : 0))
  const start = growthStart()
  if (start >= heap().end) return false
  let first = <u32>(nextMib(start) >> CHUNK_SHIFT)
  let room: u32 = 0
  if (start == heap().top) {
    // What is free below `start` counts: whole MiBs, and then the free end of the chunk in front of them.
    const entry = entryOf(start - 1)
    if (start & MIB_MASK && entry.spanGranules) {
      if ((chunkOf(entry).metadataAt & MIB_MASK) == 0 && isWhollyFree(entry)) first--
      else if ((chunkCap(start) & MIB_MASK) == 0) {
        const free = lastFreeRun(entry)
        room = <u32>((<usize>first << CHUNK_SHIFT) - (free ? free : start))
      }
    }
    if (!room) {
      while (first > 0 && isFreeMib(first - 1)) first--
      room = first > 0 ? headroom(first - 1) : 0
    }
  }
  const target = <u64>(first + mibs + (head > room ? 1 : 0)) << CHUNK_SHIFT
  return target <= <u64>heap().end && hold(start, <usize>target)
}

/** Claim the MiBs [mib, mib + mibs) of wholly free chunks for the block at `start`. */
function claimMibs(mib: u32, mibs: u32, start: usize, bytes: u32, code: u32): void {
  for (let i = mib; i < mib + mibs; i++) {
    const entry = entryOfMib(i)
    unmakeChunk(entry)
    entry.lo = start
    entry.spanGranules = 0
    entry.mapBias = code
    entry.unitBias = bytes
  }
}

/** Make each of the MiBs [mib, mib + mibs) a free chunk again. */
function releaseMibs(mib: u32, mibs: u32): void {
  for (let i = mib; i < mib + mibs; i++) {
    const from = <usize>i << CHUNK_SHIFT
    makeChunk(from, from + CHUNK_BYTES, true)
  }
}

// @ts-ignore: decorator
@inline
function count(code: u32, bytes: u32): void {
  if (code == CODE_HUGE) heap().hugeBytes += bytes
  else heap().ownedBytes += bytes
}

/**
 * Allocate a huge block of at least `bytes` (at most REQUEST_MAX_BYTES) at a multiple of `alignment` (16 … 65,536).
 * `code` is HUGE or HUGE_OWNED. 0 when there is no room; without `mayGrow` only what is held counts.
 */
export function allocHuge(bytes: u32, alignment: u32, code: u32, mayGrow: bool = true): usize {
  let total = (bytes + alignment - 1) & ~(alignment - 1)
  let head = total & MIB_MASK
  if (head && head < HEAD_MIN_BYTES) {
    total += HEAD_MIN_BYTES - head
    head = HEAD_MIN_BYTES
  }
  let mibs = total >> CHUNK_SHIFT
  // No chunk has room for a head as long as its whole MiB.
  if (head > CHUNK_BYTES - 17 * 4096) {
    total += CHUNK_BYTES - head
    head = 0
    mibs++
  }
  // A request that only its alignment makes too long for a run takes a whole MiB.
  if (!mibs) {
    total = CHUNK_BYTES
    head = 0
    mibs = 1
  }
  let first = findPlace(mibs, head)
  while (!first) {
    if (!mayGrow || !growForHuge(mibs, head)) return 0
    first = findPlace(mibs, head)
  }
  const start = (<usize>first << CHUNK_SHIFT) - head
  claimMibs(first, mibs, start, total, code)
  if (head) {
    const entry = entryOf(start)
    claimRun(lastFreeRun(entry), start, head >> GRANULE_SHIFT)
    tagLive(mapAt(entry, start), head >> GRANULE_SHIFT, code)
  }
  count(code, total)
  return start
}

/** Bytes of the huge block that starts at `p` with `code`, 0 when there is none. Any `p` may be asked. */
export function hugeBytes(p: usize, code: u32): u32 {
  const entry = entryOf(p)
  if (holds(entry, p)) {
    if (load<u8>(mapAt(entry, p)) != code) return 0
    return entryOfMib(<u32>(p >> CHUNK_SHIFT) + 1).unitBias
  }
  if (entry.spanGranules || entry.lo != p || !p || isForeignMib(entry)) return 0
  return hugeCode(entry) == code ? entry.unitBias : 0
}

/** Bytes of a huge block in front of its whole MiBs. */
// @ts-ignore: decorator
@inline
function headOf(start: usize): u32 {
  return <u32>(nextMib(start) - start)
}

/** Free the huge block of `bytes` at `start`. */
export function releaseHuge(start: usize, bytes: u32, code: u32): void {
  const head = headOf(start)
  count(code, 0 - bytes)
  releaseMibs(<u32>(nextMib(start) >> CHUNK_SHIFT), (bytes - head) >> CHUNK_SHIFT)
  if (head) {
    untagLive(mapAt(entryOf(start), start))
    freeRun(start, head >> GRANULE_SHIFT)
  }
}

/** Bring the huge block at `start` to at least `wanted` bytes without moving it; false when that cannot be. */
export function growHuge(start: usize, bytes: u32, wanted: u32): bool {
  const more = wholeMibs(wanted - bytes)
  if (!clearMibs(start + bytes, more)) return false
  resize(start, bytes, bytes + (more << CHUNK_SHIFT), more)
  return true
}

/**
 * Make the run of `have` granules at `start` a huge block of at least `wanted` bytes without moving it: it then reaches
 * to the end of its MiB and over the next ones. False when something lies behind it.
 */
export function growRunToHuge(start: usize, have: u32, wanted: u32): bool {
  const entry = entryOf(start)
  const hi = chunkOf(entry).hi
  const end = nextMib(start)
  const behind = start + (<usize>have << GRANULE_SHIFT)
  if (behind != hi && lastFreeRun(entry) != behind) return false
  if ((hi != end && hi != heap().top) || chunkOf(entry).cap != end) return false
  const head = <u32>(end - start)
  if (wanted <= head) return false
  const mibs = wholeMibs(wanted - head)
  // Up to a MiB is more than asked for: too much for a block that is not long itself.
  if (head + (mibs << CHUNK_SHIFT) - wanted > wanted) return false
  if (!clearMibs(end, mibs)) return false
  if (head >> GRANULE_SHIFT != have && !growRun(start, have, head >> GRANULE_SHIFT)) return false
  const total = head + (mibs << CHUNK_SHIFT)
  claimMibs(<u32>(end >> CHUNK_SHIFT), mibs, start, total, CODE_HUGE)
  tagLive(mapAt(entry, start), head >> GRANULE_SHIFT, CODE_HUGE)
  heap().runBytes -= have << GRANULE_SHIFT
  count(CODE_HUGE, total)
  return true
}

// @ts-ignore: decorator
@inline
function wholeMibs(bytes: u32): u32 {
  return <u32>((<u64>bytes + MIB_MASK) >> CHUNK_SHIFT)
}

/**
 * Whether `count` MiBs from `end` on, a MiB boundary, are wholly free chunks; grows to make them so where that can be.
 */
function clearMibs(end: usize, count: u32): bool {
  const first = <u32>(end >> CHUNK_SHIFT)
  const free = freeMibsFrom(first, count)
  if (free == count) return true
  // Where the next piece of a tenant lies is not for it to say.
  if (holdsPieces()) return false
  const behind = <u64>(first + free) << CHUNK_SHIFT
  const target = <u64>(first + count) << CHUNK_SHIFT
  const top = heap().top
  if (growthStart() != top || target > <u64>heap().end || <u64>top > behind + MIB_MASK) return false
  // The MiB that growth begins in must be free as far as it is held.
  if (<u64>top > behind && !isWhollyFree(entryOf(<usize>behind))) return false
  return hold(top, <usize>target) && freeMibsFrom(first, count) == count
}

function freeMibsFrom(first: u32, most: u32): u32 {
  let count: u32 = 0
  while (count < most && <u64>(first + count) << CHUNK_SHIFT < <u64>heap().top && isFreeMib(first + count)) count++
  return count
}

/** Enter the new size into every MiB of the block, after claiming `more` of them behind it. */
function resize(start: usize, bytes: u32, total: u32, more: u32): void {
  const code = hugeCode(entryOf(start + bytes - 1))
  if (more) claimMibs(<u32>((start + bytes) >> CHUNK_SHIFT), more, start, total, code)
  const last = <u32>((start + total - 1) >> CHUNK_SHIFT)
  for (let mib = <u32>(nextMib(start) >> CHUNK_SHIFT); mib <= last; mib++) entryOfMib(mib).unitBias = total
  count(code, total - bytes)
}

/**
 * Give back what the huge block at `start` does not need for `wanted` bytes: whole MiBs, or all but part of its head.
 */
export function shrinkHuge(start: usize, bytes: u32, wanted: u32, granules: u32): void {
  const code = hugeCode(entryOf(start + bytes - 1))
  const head = headOf(start)
  // Without a head there is no run that it could become, not even for 0 bytes.
  if (head && wanted <= head) {
    releaseMibs(<u32>(nextMib(start) >> CHUNK_SHIFT), (bytes - head) >> CHUNK_SHIFT)
    count(code, 0 - bytes)
    const kept = max<u32>(granules, 4)
    tagLive(mapAt(entryOf(start), start), head >> GRANULE_SHIFT, code == CODE_HUGE ? CODE_RUN : CODE_RUN_OWNED)
    if (code == CODE_HUGE) heap().runBytes += kept << GRANULE_SHIFT
    else heap().ownedBytes += kept << GRANULE_SHIFT
    if (kept < head >> GRANULE_SHIFT) shrinkRun(start, head >> GRANULE_SHIFT, kept)
    return
  }
  const end = nextMib(start + max<u32>(wanted, 1))
  const spare = <u32>((start + bytes - end) >> CHUNK_SHIFT)
  if (!spare) return
  resize(start, bytes, <u32>(end - start), 0)
  releaseMibs(<u32>(end >> CHUNK_SHIFT), spare)
}

/** Start of the huge block that the MiB of `p` lies in, 0 when it lies in none. */
export function hugeAround(p: usize): usize {
  const entry = entryOf(p)
  if (entry.spanGranules || !entry.lo || isForeignMib(entry)) return 0
  return p - entry.lo < entry.unitBias ? entry.lo : 0
}

/** Whether a code in the map or the table is a huge block's. */
// @ts-ignore: decorator
@inline
export function isHugeCode(code: u32): bool {
  return code == CODE_HUGE || code == CODE_HUGE_OWNED || code == CODE_LENT_MIB
}

/** Make the huge block of `mibs` whole MiBs at `start` as many of one each. */
export function divideHuge(start: usize, mibs: u32): void {
  for (let i: u32 = 0; i < mibs; i++) {
    const entry = entryOf(start + (<usize>i << CHUNK_SHIFT))
    entry.lo = start + (<usize>i << CHUNK_SHIFT)
    entry.unitBias = CHUNK_BYTES
  }
}
