/**
 * Runs of granules: best fit with splitting, immediate coalescing with both neighbours, growing and shrinking in place.
 * Medium and large blocks, pages, arena pieces and pool segments are all cut from here: one kind of free memory.
 *
 * Runs are cut from the low end of a free run, pages from its high end, where units are aligned; so the two kinds
 * gather at different ends of a chunk.
 *
 * Guarantee: no two free runs touch; every function leaves tags, bins and counters consistent; a failed call changes
 * nothing.
 */
import { check } from '../host'
import { alignUp } from '../bits/align'
import { GRANULE_SHIFT, KNOB_NO_ALIGNED_FIT, RUN_MIN_GRANULES, UNIT_BYTES, UNIT_GRANULES, UNIT_SHIFT } from '../layout'
import { Entry, chunkOf, entryOf, heap, knob, mapAt } from '../overlay'
import { binInsert, binRemove, findBest } from './bins'
import { mapOfGranule } from './links'
import {
  freeGranulesFromEnd,
  freeGranulesFromStart,
  granulesFromStart,
  isFreeCode,
  tagFree,
  tagLive,
  untagFreeEnd,
  untagFreeStart,
  untagLive,
} from './tags'
import { noteUse } from './trim'

/** Granules of a live run for `bytes`, which must be at most REQUEST_MAX_BYTES. */
// @ts-ignore: decorator
@inline
export function runGranules(bytes: u32): u32 {
  return max<u32>((bytes + 15) >> GRANULE_SHIFT, RUN_MIN_GRANULES)
}

/** Address of a shortest free run of at least `granules`, or 0. */
// @ts-ignore: decorator
@inline
function bestRun(granules: u32): usize {
  return <usize>findBest(granules) << GRANULE_SHIFT
}

/** Make the run at `address` free; it touches no other free run and its map, from `map` on, is clear. */
// @ts-ignore: decorator
@inline
function putFree(address: usize, map: usize, granules: u32): void {
  tagFree(map, granules)
  enter(address >> GRANULE_SHIFT, granules, map)
}

/** Into its bin, or as the wild run if it ends at the top. */
// @ts-ignore: decorator
@inline
function enter(run: u32, granules: u32, map: usize): void {
  if (<usize>(run + granules) << GRANULE_SHIFT == heap().top) heap().wild = run
  else binInsert(run, granules, map)
}

/** Claim a free run: out of its bin, tags and links cleared. */
export function takeFree(address: usize, map: usize, granules: u32): void {
  leave(address >> GRANULE_SHIFT, granules, map)
  untagFreeStart(map, granules)
  untagFreeEnd(map + granules - 1, granules)
}

/** Out of its bin, or no longer the wild run. */
// @ts-ignore: decorator
@inline
function leave(run: u32, granules: u32, map: usize): void {
  if (run == heap().wild) heap().wild = 0
  else binRemove(run, granules, map)
}

/** Free [address, address + granules), whose map must be clear, and join it with free neighbours. */
export function freeRun(address: usize, granules: u32): void {
  freeRunAt(address, mapAt(entryOf(address), address), granules)
}

/** The same where the run's first map byte is known to be at `map`. */
export function freeRunAt(address: usize, map: usize, granules: u32): void {
  heap().freeBytes += granules << GRANULE_SHIFT
  const right = map + granules
  if (isFreeCode(load<u8>(right))) {
    const more = freeGranulesFromStart(right)
    leave((address >> GRANULE_SHIFT) + granules, more, right)
    // Its end tag becomes the joined run's.
    untagFreeStart(right, more)
    granules += more
  }
  if (isFreeCode(load<u8>(map - 1))) {
    const more = freeGranulesFromEnd(map - 1)
    untagFreeEnd(map - 1, more)
    address -= <usize>more << GRANULE_SHIFT
    map -= more
    binRemove(address >> GRANULE_SHIFT, more, map)
    // Its start tag becomes the joined run's, which may keep its links elsewhere.
    untagFreeStart(map, more)
    granules += more
  }
  putFree(address, map, granules)
}

/**
 * Cut [at, at + granules) out of the free run [start, start + held) and give back what is left at both ends.
 * The map of the cut part is clear afterwards.
 */
function cut(start: usize, held: u32, at: usize, granules: u32): void {
  const map = mapAt(entryOf(start), start)
  noteUse(entryOf(start), at, at + (<usize>granules << GRANULE_SHIFT))
  takeFree(start, map, held)
  heap().freeBytes -= granules << GRANULE_SHIFT
  const before = <u32>((at - start) >> GRANULE_SHIFT)
  const after = held - before - granules
  if (before) putFree(start, map, before)
  if (after) putFree(at + (<usize>granules << GRANULE_SHIFT), map + before + granules, after)
}

/** Allocate a run of at least four granules and tag it with `code`. 0 when no free run is long enough. */
export function allocRun(granules: u32, code: u32): usize {
  check(granules >= RUN_MIN_GRANULES, 201, granules)
  const run = findBest(granules)
  if (!run) return 0
  const address = <usize>run << GRANULE_SHIFT
  const map = mapOfGranule(run)
  const held = freeGranulesFromStart(map)
  const h = heap()
  noteUse(entryOf(address), address, address + (<usize>granules << GRANULE_SHIFT))
  h.freeBytes -= granules << GRANULE_SHIFT
  const rest = held - granules
  if (run == h.wild) h.wild = rest ? run + granules : 0
  else binRemove(run, held, map)
  untagFreeStart(map, held)
  untagFreeEnd(map + held - 1, held)
  tagLive(map, granules, code)
  if (rest) {
    tagFree(map + granules, rest)
    // What is left of a run in a bin does not end at the top.
    if (run + granules != h.wild) binInsert(run + granules, rest, map + granules)
  }
  return address
}

/**
 * Allocate a run that starts at a multiple of `alignment` (a power of two above 16). The best fit is tried first; a run
 * that is longer by the alignment always works.
 */
export function allocRunAligned(granules: u32, alignment: u32, code: u32): usize {
  let address = bestRun(granules)
  if (!address) return 0
  let at = (address + alignment - 1) & ~(alignment - 1)
  let held = freeGranulesFromStart(mapAt(entryOf(address), address))
  if (knob(KNOB_NO_ALIGNED_FIT) || ((at - address) >> GRANULE_SHIFT) + granules > held) {
    address = bestRun(granules + (alignment >> GRANULE_SHIFT) - 1)
    if (!address) return 0
    at = (address + alignment - 1) & ~(alignment - 1)
    held = freeGranulesFromStart(mapAt(entryOf(address), address))
  }
  cut(address, held, at, granules)
  tagLive(mapAt(entryOf(at), at), granules, code)
  return at
}

/**
 * Allocate `units` at a multiple of the unit, from the high end of a free run. The map stays clear. 0 when there is
 * none.
 */
export function allocUnits(units: u32): usize {
  const granules = units * UNIT_GRANULES
  let address = bestRun(granules)
  if (!address) return 0
  let held = freeGranulesFromStart(mapAt(entryOf(address), address))
  let at = highestUnits(address, held, granules)
  if (!at || knob(KNOB_NO_ALIGNED_FIT)) {
    address = bestRun(granules + UNIT_GRANULES - 1)
    if (!address) return 0
    held = freeGranulesFromStart(mapAt(entryOf(address), address))
    at = highestUnits(address, held, granules)
  }
  cut(address, held, at, granules)
  return at
}

/** The same from the low end of a free run: what lives long gathers there. */
export function allocLowUnits(units: u32): usize {
  const granules = units * UNIT_GRANULES
  let address = bestRun(granules)
  if (!address) return 0
  let at = alignUp(address, UNIT_BYTES)
  let held = freeGranulesFromStart(mapAt(entryOf(address), address))
  if (knob(KNOB_NO_ALIGNED_FIT) || ((at - address) >> GRANULE_SHIFT) + granules > held) {
    address = bestRun(granules + UNIT_GRANULES - 1)
    if (!address) return 0
    at = alignUp(address, UNIT_BYTES)
  }
  cut(address, freeGranulesFromStart(mapAt(entryOf(address), address)), at, granules)
  return at
}

/** Highest aligned place for `granules` (whole units) in the free run, or 0. */
function highestUnits(address: usize, held: u32, granules: u32): usize {
  const end = address + (<usize>held << GRANULE_SHIFT)
  const at = ((end >> UNIT_SHIFT) << UNIT_SHIFT) - (<usize>granules << GRANULE_SHIFT)
  return at >= address && at < end ? at : 0
}

/** Cut exactly [at, at + granules) out of the free run around it, which must hold it. The map stays clear. */
export function claimRun(start: usize, at: usize, granules: u32): void {
  cut(start, freeGranulesFromStart(mapAt(entryOf(start), start)), at, granules)
}

/** Bring the live run at `address` from `have` to fewer `granules`; its tail becomes free. */
export function shrinkRun(address: usize, have: u32, granules: u32): void {
  const map = mapAt(entryOf(address), address)
  tagLive(map, granules, load<u8>(map))
  freeRun(address + (<usize>granules << GRANULE_SHIFT), have - granules)
}

/** Bring the live run at `address` from `have` to more `granules` if a free run behind it allows. */
export function growRun(address: usize, have: u32, granules: u32): bool {
  const map = mapAt(entryOf(address), address)
  const right = map + have
  if (!isFreeCode(load<u8>(right))) return false
  const more = freeGranulesFromStart(right)
  if (have + more < granules) return false
  const tail = address + (<usize>have << GRANULE_SHIFT)
  cut(tail, more, tail, granules - have)
  tagLive(map, granules, load<u8>(map))
  return true
}

/** Free the live run that starts at `address`. */
export function releaseRun(address: usize): void {
  const map = mapAt(entryOf(address), address)
  const granules = granulesFromStart(map)
  untagLive(map)
  freeRunAt(address, map, granules)
}

/** The free run that ends at the held end of the chunk of `entry`, 0 if its last granule is not free. */
export function lastFreeRun(entry: Entry): usize {
  if (!entry.spanGranules) return 0
  const hi = chunkOf(entry).hi
  const last = mapAt(entry, hi - 1)
  return isFreeCode(load<u8>(last)) ? hi - (<usize>freeGranulesFromEnd(last) << GRANULE_SHIFT) : 0
}

/** Whether the chunk of `entry` is one free run from `lo` to its held end. */
export function isWhollyFree(entry: Entry): bool {
  return entry.spanGranules != 0 && lastFreeRun(entry) == entry.lo
}
