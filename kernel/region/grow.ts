/**
 * Growth: how the heap comes to hold more of its memory. The memory is grown by what is needed or by 12.5 % of what is
 * held (at most 4 MiB), whichever is more; refused, by just what is needed. Of an owned range the heap then holds what
 * is needed and at most 1 MiB more: memory that is there but not held costs nothing, and what is held counts as
 * committed (on 250 MB live, steps of 4 MiB cost 0.6 % of it on average).
 *
 * Two kinds of range here. *Owned*: all of [base, end) is the heap's, and `top` moves up through it. *Shared*: other users
 * grow the same memory, and the heap holds only what its own calls returned; pieces of one MiB are then kept apart by a
 * run of code RESERVED (whole WebAssembly pages, since nobody grows by less). A tenant's growth is in `borrow.ts`.
 *
 * Guarantee: a refused step changes nothing but the count of refusals.
 */
import { IN_GUEST, hostGrow } from '../host'
import {
  CHUNK_SHIFT,
  FLAG_OWNS_RANGE,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  KNOB_EXACT_GROWTH,
  UNIT_BYTES,
  WASM_PAGE_BYTES,
} from '../layout'
import { Entry, chunkOf, entryOf, heap, knob } from '../overlay'
import { alignUp } from '../bits/align'
import { makeWild, tameWild } from './bins'
import { borrowForRun, holdsPieces } from './borrow'
import {
  chunkCap,
  chunkMinimum,
  dropChunk,
  extendChunk,
  makeChunk,
  metadataUnits,
  reserveGap,
  shortenChunk,
} from './chunk'
import { controlBytes } from './control'
import { allocRun, allocRunAligned, lastFreeRun } from './runs'

const STEP_MAX_BYTES: u32 = 4 << 20
const HOLD_STEP_MAX_BYTES: u32 = 1 << 20

// @ts-ignore: decorator
@inline
function ownsRange(): bool {
  return !IN_GUEST && (heap().flags & FLAG_OWNS_RANGE) != 0
}

/** Round up to a multiple of `grain`, at most to the range's end. */
function ceiling(address: usize, grain: u32): usize {
  const end = heap().end
  return address > end - (grain - 1) ? end : (address + grain - 1) & ~(grain - 1)
}

/** Where the next held byte would lie: behind ours, or behind everybody's. */
export function growthStart(): usize {
  if (ownsRange()) return heap().top
  // A memory of the full 4 GiB has no start left; the range's end says so.
  const pages = <u32>memory.size()
  return pages >= 65536 ? heap().end : <usize>pages << 16
}

/** Whether the MiB of `address` has a chunk of ours. */
function hasChunk(entry: Entry, address: usize): bool {
  return entry.spanGranules != 0 && entry.lo >> CHUNK_SHIFT == address >> CHUNK_SHIFT
}

/** Grow until a free run of `granules` exists. At most a chunk's worth can be asked for. */
export function growForRun(granules: u32): bool {
  if (holdsPieces()) return borrowForRun(granules)
  const start = growthStart()
  const bytes = <u64>granules << GRANULE_SHIFT
  const end = <u64>heap().end
  let from = start
  // A start in the middle of a chunk of ours extends that chunk, and its last free run counts.
  if (from < heap().end && hasChunk(entryOf(from), from)) {
    const entry = entryOf(from)
    const chunk = chunkOf(entry)
    const tail = chunk.hi == from ? lastFreeRun(entry) : 0
    const target = <u64>(tail ? tail : from) + bytes
    if (target <= <u64>chunk.cap) return hold(start, <usize>target)
    from = chunk.cap
  }
  for (let tries = 0; tries < 2 && <u64>from < end; tries++) {
    const cap = chunkCap(from)
    const target = <u64>from + (<u64>metadataUnits(from, cap) << 12) + bytes
    if (target <= <u64>cap) return hold(start, <usize>target)
    from = cap
  }
  return false
}

/** Hold [start, target) and a step more, where `start` is what `growthStart` gave. */
export function hold(start: usize, target: usize): bool {
  if (target > heap().end || target < start) return false
  const share = knob(KNOB_EXACT_GROWTH) ? 0 : heap().committedBytes >> 3
  // In a shared range what is grown and not held would be nobody's.
  const grain = ownsRange() ? UNIT_BYTES : WASM_PAGE_BYTES
  const wanted = endOfStep(start, target, min<u32>(share, STEP_MAX_BYTES), grain)
  const least = endOfStep(start, target, 0, grain)
  const held = ownsRange() ? endOfStep(start, target, min<u32>(share, HOLD_STEP_MAX_BYTES), grain) : wanted
  return reach(start, wanted, held) || (least < wanted && reach(start, least, least))
}

/** Where a step of `step` bytes from `start` ends that must reach `target`, a multiple of `grain`. */
function endOfStep(start: usize, target: usize, step: u32, grain: u32): usize {
  const generous = heap().end - start > step ? max(target, start + step) : heap().end
  return stopShort(start, ceiling(generous, grain), target, grain)
}

/**
 * An end that would leave a stub too short for a chunk is moved: down to the MiB boundary, or up until it is long
 * enough.
 */
function stopShort(start: usize, wanted: usize, target: usize, grain: u32): usize {
  const boundary = wanted & ~((1 << CHUNK_SHIFT) - 1)
  if (boundary == wanted || boundary <= start) return wanted
  const least = chunkMinimum(boundary)
  if (wanted >= least) return wanted
  return target <= boundary ? boundary : ceiling(least, grain)
}

/** Make the memory reach `wanted` and hold [start, held). */
function reach(start: usize, wanted: usize, held: usize): bool {
  if (!withinLimit(held - start)) return false
  const pages = <u32>((<u64>wanted + WASM_PAGE_BYTES - 1) >> 16)
  const present = <u32>memory.size()
  if (pages > present) {
    const previous = hostGrow(pages - present)
    if (previous < 0) {
      heap().growsRefused++
      return false
    }
    heap().grows++
    // Somebody else grew in between: in a shared range what we got lies higher; hold it, and let the caller ask again.
    if (!ownsRange() && <u32>previous != present) {
      const got = <usize>previous << 16
      const room = <u64>(heap().end > got ? heap().end - got : 0)
      const bytes = <usize>min<u64>(<u64>(pages - present) << 16, room)
      if (bytes) takeHold(got, got + bytes)
      return bytes != 0
    }
  }
  takeHold(start, held)
  return true
}

function withinLimit(more: u32): bool {
  return <u64>heap().committedBytes + <u64>more <= <u64>heap().limitBytes
}

/** Enter [from, to) into the heap: extend the chunk it begins in, make the others. */
export function takeHold(from: usize, to: usize): void {
  const h = heap()
  h.committedBytes += to - from
  h.committedPeakBytes = max(h.committedPeakBytes, h.committedBytes)
  tameWild()
  h.top = to
  let at = from
  while (at < to) {
    const entry = entryOf(at)
    let stop: usize
    if (hasChunk(entry, at)) {
      stop = min(to, chunkOf(entry).cap)
      reserveGap(entry, at)
      extendChunk(entry, stop)
    } else {
      stop = min(to, chunkCap(at))
      if (stop < chunkMinimum(at)) h.lostBytes += stop - at
      else makeChunk(at, stop, at < h.zeroFrom)
    }
    at = stop
  }
}

/** A run of `granules` at a multiple of `alignment` from what is free; 0 when nothing free is long enough. */
export function allocFreeRun(granules: u32, alignment: u32, code: u32): usize {
  return alignment > GRANULE_BYTES ? allocRunAligned(granules, alignment, code) : allocRun(granules, code)
}

/** A run of `granules`, from what is free or by growth; 0 when out of memory. */
export function allocOrGrowRun(granules: u32, alignment: u32, code: u32): usize {
  while (true) {
    const run = allocFreeRun(granules, alignment, code)
    if (run) return run
    if (!growForRun(granules + (alignment >> GRANULE_SHIFT) - 1)) return 0
  }
}

/**
 * Grow so that the live run at `address` could be lengthened from `have` to `wanted` granules: only when it, or the
 * free run behind it, ends at the top, and the chunk goes on there.
 */
export function growBehind(address: usize, have: u32, wanted: u32): bool {
  // A tenant's chunk ends where its piece does.
  if (holdsPieces()) return false
  const top = heap().top
  const end = address + (<usize>have << GRANULE_SHIFT)
  const target = <u64>address + (<u64>wanted << GRANULE_SHIFT)
  const isLast = end == top || end == <usize>heap().wild << GRANULE_SHIFT
  if (!isLast || growthStart() != top || target > <u64>chunkCap(address)) return false
  return hold(top, <usize>target)
}

/**
 * Hold less: what is free at the end of what is held goes back to the range, from where growth takes it again. Only of
 * an owned range: in a shared one it would be nobody's. The bytes no longer held.
 */
export function giveBackTop(): u32 {
  const h = heap()
  if (!ownsRange()) return 0
  const before = h.committedBytes
  while (giveBackLast()) {}
  return before - h.committedBytes
}

/** Give back the free end of the last chunk, or all of it; whether the one before may have something to give, too. */
function giveBackLast(): bool {
  const h = heap()
  const entry = entryOf(h.top - 1)
  if (!entry.spanGranules || chunkOf(entry).hi != h.top) return false
  const free = lastFreeRun(entry)
  if (!free) return false
  const from = chunkOf(entry).metadataAt
  const isWhole = free == entry.lo && from > h.base + controlBytes() && isOurs(entryOf(from - 1))
  const to = isWhole ? from : max(alignUp(free, UNIT_BYTES), entry.lo + UNIT_BYTES)
  if (to >= h.top) return false
  // What was held has been written to: a chunk made there again is cleared first.
  h.zeroFrom = max(h.zeroFrom, h.top)
  h.committedBytes -= h.top - to
  tameWild()
  if (isWhole) dropChunk(entry)
  else shortenChunk(entry, free, to)
  h.top = to
  const last = lastFreeRun(entryOf(to - 1))
  if (last) makeWild(last >> GRANULE_SHIFT)
  return isWhole
}

// @ts-ignore: decorator
@inline
function isOurs(entry: Entry): bool {
  return entry.spanGranules != 0 || entry.lo != 0
}
