/**
 * Handles: a stack of slots that hold references, in segments that never move, so that whoever holds a slot's address
 * finds the object there after every move. Scopes are levels of the stack.
 *
 *   segment   [ prev ][ next ][ end ][ 0 ][ slot ] ... end
 *
 * Invariant: slots at and above the top are zero, in the current segment and in all later ones.
 */
import { STATUS_FOREIGN } from '../layout'
import { SEGMENT_HEAD_BYTES } from '../object-layout'
import { refused, space } from '../object-overlay'
import { tableAlloc, tableFree } from '../object/memory'
import { isForeign } from '../object/owners'

@unmanaged
class Segment {
  prev: usize
  next: usize
  end: usize
  pad: u32
}

const SEGMENT_BYTES: u32 = 4096
const SEGMENT_MAX_BYTES: u32 = 65536
const SEGMENT_BYTES_EMBEDDED: u32 = 80

/**
 * A new slot that holds `reference`: its address, 0 when out of memory, or when it leads into another heap. Never
 * collects.
 */
export function handlePush(reference: usize): usize {
  if (isForeign(reference)) return refused(STATUS_FOREIGN)
  return push(reference)
}

function push(reference: usize): usize {
  const s = space()
  const slot = s.handleTop
  if (slot < s.handleLimit) {
    store<usize>(slot, reference)
    s.handleTop = slot + 4
    return slot
  }
  return pushInNext(reference)
}

function pushInNext(reference: usize): usize {
  const s = space()
  const current = s.handleSegment
  let next = current ? changetype<Segment>(current).next : 0
  if (!next) next = makeSegment(current)
  if (!next) return 0
  enter(next, next + SEGMENT_HEAD_BYTES)
  return push(reference)
}

function makeSegment(prev: usize): usize {
  // @ts-ignore: set by --use
  const first = HW_EMBEDDED ? SEGMENT_BYTES_EMBEDDED : SEGMENT_BYTES
  // @ts-ignore: set by --use
  const most = HW_EMBEDDED ? SEGMENT_BYTES_EMBEDDED : SEGMENT_MAX_BYTES
  const bytes = prev ? min<u32>((changetype<Segment>(prev).end - prev) << 1, most) : first
  const at = tableAlloc(bytes)
  if (!at) return 0
  memory.fill(at, 0, bytes)
  const segment = changetype<Segment>(at)
  segment.prev = prev
  segment.end = at + bytes
  if (prev) changetype<Segment>(prev).next = at
  return at
}

// @ts-ignore: decorator
@inline
function enter(segment: usize, top: usize): void {
  const s = space()
  s.handleSegment = segment
  s.handleTop = top
  s.handleLimit = changetype<Segment>(segment).end
}

/** Drop the slots from `top`, an earlier top, on: 0 drops all. False when `top` is none. */
export function handlePop(top: usize): bool {
  const s = space()
  let segment = s.handleSegment
  if (!segment) return top == 0
  if (top && !isHandleTop(top)) return false
  while (!holdsTop(segment, top)) {
    const from = segment + SEGMENT_HEAD_BYTES
    memory.fill(from, 0, s.handleTop - from)
    const prev = changetype<Segment>(segment).prev
    // What was the top before the first segment was made is its start.
    if (!prev) {
      enter(segment, from)
      return true
    }
    segment = prev
    enter(segment, changetype<Segment>(segment).end)
  }
  memory.fill(top, 0, s.handleTop - top)
  s.handleTop = top
  return true
}

// @ts-ignore: decorator
@inline
function holdsTop(segment: usize, top: usize): bool {
  return top >= segment + SEGMENT_HEAD_BYTES && top <= changetype<Segment>(segment).end
}

/** Whether `top` is at or below the top, in the current segment or an earlier one. */
export function isHandleTop(top: usize): bool {
  if (top & 3) return false
  for (let segment = space().handleSegment; segment; segment = changetype<Segment>(segment).prev) {
    if (holdsTop(segment, top)) return segment != space().handleSegment || top <= space().handleTop
  }
  return false
}

/** Visit every slot below the top. */
export function visitHandles<V>(): void {
  eachHandleRange<SlotBySlot<V>>()
}

@unmanaged
@final
class SlotBySlot<V> {
  range(from: usize, to: usize): void {
    for (let slot = from; slot < to; slot += 4) changetype<V>(0).visit(slot)
  }
}

/** Call `R.range(from, to)` for the slots in use of each segment. */
export function eachHandleRange<R>(): void {
  let end = space().handleTop
  for (let segment = space().handleSegment; segment; ) {
    changetype<R>(0).range(segment + SEGMENT_HEAD_BYTES, end)
    segment = changetype<Segment>(segment).prev
    if (segment) end = changetype<Segment>(segment).end
  }
}

/** Give the segments back that lie above the top. */
export function trimHandles(): void {
  const current = space().handleSegment
  if (!current) return
  let at = changetype<Segment>(current).next
  changetype<Segment>(current).next = 0
  while (at) {
    const next = changetype<Segment>(at).next
    tableFree(at)
    at = next
  }
}
