/**
 * The list of a trial's members, and what happens to a member while the program goes on.
 *
 *   list   [ alive, and followed | alive | undecided ............... ]
 *            0           aliveDone  aliveEnd                  count
 *
 * Each member knows its index. Whoever turns out to be alive changes places with the first undecided one, so that the
 * list is the queue of those that are to be followed as well, and no second list is needed. A member that is released
 * leaves a 0. While objects are visited the list is the queue of those to be visited and nothing changes places.
 *
 *   directory   [ segment ] ...      the list lies in segments of SEGMENT_ENTRIES, so that growing it never copies
 *   segment     [ member or 0 ] ...  more than the directory; the first segment is short while it is the only one
 */
import { check } from '../host'
import { knob } from '../overlay'
import { tableAlloc, tableFree } from '../object/memory'
import {
  COUNTED_ALIVE,
  COUNTED_CANDIDATE,
  COUNTED_IN_TRIAL,
  COUNT_SHIFT,
  KNOB_SHORT_TRIAL,
  TRIAL_RELEASE,
  TRIAL_SPARE,
} from '../value-layout'
import { SHORT_ENTRIES, takeCandidate } from './candidates'
import { countWord, placeOf, setCountWord, setPlace, setTrialWord } from './header'
import { counted } from './state'

const FIRST_BYTES: u32 = 1024
export const SEGMENT_SHIFT: u32 = 12
export const SEGMENT_ENTRIES: u32 = 1 << SEGMENT_SHIFT
const DIRECTORY_FIRST: u32 = 4

/** Where the list has its element `index`, which is below its capacity. */
// @ts-ignore: decorator
@inline
export function entryAt(index: u32): usize {
  const segment = load<usize>(counted().list + ((index >> SEGMENT_SHIFT) << 2))
  return segment + ((index & (SEGMENT_ENTRIES - 1)) << 2)
}

// @ts-ignore: decorator
@inline
export function memberAt(index: u32): usize {
  return load<usize>(entryAt(index))
}

// @ts-ignore: decorator
@inline
export function setMember(index: u32, reference: usize): void {
  store<usize>(entryAt(index), reference)
}

/** Make an object a member, none of its references explained. False when the list cannot grow; nothing has changed. */
export function enter(reference: usize): bool {
  const c = counted()
  const index = c.count
  if (index == c.capacity && !growList()) {
    c.failed = 1
    return false
  }
  const word = countWord(reference)
  check(!(word & COUNTED_IN_TRIAL), 2003, reference)
  // A candidate stays one by its state, so that it goes back if the trial is given up; its place is kept for it.
  if (word & COUNTED_CANDIDATE) {
    takeCandidate(reference)
    c.reserved++
  }
  setMember(index, reference)
  c.count = index + 1
  setPlace(reference, index)
  setCountWord(reference, word | COUNTED_IN_TRIAL)
  setTrialWord(reference, word >> COUNT_SHIFT)
  return true
}

/** Segments that the list has, and slots of its directory. */
// @ts-ignore: decorator
@inline
export function segmentsOf(capacity: u32): u32 {
  return (capacity + SEGMENT_ENTRIES - 1) >> SEGMENT_SHIFT
}

export function directorySlots(segments: u32): u32 {
  let slots = DIRECTORY_FIRST
  while (slots < segments) slots <<= 1
  return slots
}

function growList(): bool {
  const c = counted()
  if (c.capacity >= SEGMENT_ENTRIES) return addSegment()
  if (knob(KNOB_SHORT_TRIAL) && c.list) return false
  const bytes = c.list ? c.capacity << 3 : knob(KNOB_SHORT_TRIAL) ? SHORT_ENTRIES << 2 : FIRST_BYTES
  const segment = tableAlloc(bytes)
  if (!segment) return false
  if (c.list) {
    const short = load<usize>(c.list)
    memory.copy(segment, short, c.count << 2)
    tableFree(short)
  } else {
    c.list = tableAlloc(DIRECTORY_FIRST << 2)
    if (!c.list) {
      tableFree(segment)
      return false
    }
  }
  store<usize>(c.list, segment)
  c.capacity = bytes >> 2
  return true
}

function addSegment(): bool {
  const c = counted()
  const segments = segmentsOf(c.capacity)
  const segment = tableAlloc(SEGMENT_ENTRIES << 2)
  if (!segment) return false
  if (segments == directorySlots(segments)) {
    const directory = tableAlloc(segments << 3)
    if (!directory) {
      tableFree(segment)
      return false
    }
    memory.copy(directory, c.list, segments << 2)
    tableFree(c.list)
    c.list = directory
  }
  store<usize>(c.list + (segments << 2), segment)
  c.capacity += SEGMENT_ENTRIES
  return true
}

/** Something concerns a member: its count has changed, or what it holds. It is alive, whatever the trial finds. */
export function touch(reference: usize): void {
  const c = counted()
  c.touched = 1
  const word = countWord(reference)
  if (word & COUNTED_ALIVE) return
  // A reference to garbage that nobody owned: it comes too late.
  if (c.phase >= TRIAL_RELEASE) return
  setCountWord(reference, word | COUNTED_ALIVE)
  if (c.phase == TRIAL_SPARE) putAlive(reference)
}

/** Move a member that is alive to those that are to be followed. */
export function putAlive(reference: usize): void {
  const c = counted()
  const index = placeOf(reference)
  const end = c.aliveEnd
  check(index >= end && index < c.count, 2005, reference)
  const other = memberAt(end)
  setMember(end, reference)
  setPlace(reference, end)
  setMember(index, other)
  if (other && other != reference) setPlace(other, index)
  c.aliveEnd = end + 1
}

/** A member is released by its count. */
export function leaveTrial(reference: usize): void {
  const c = counted()
  const place = placeOf(reference)
  check(place < c.count && memberAt(place) == reference, 2006, reference)
  setMember(place, 0)
  c.touched = 1
  if (countWord(reference) & COUNTED_CANDIDATE) c.reserved--
}

/** Empty the list; a long one is given back but for its first segment. */
export function clearList(): void {
  const c = counted()
  c.count = 0
  for (let i = segmentsOf(c.capacity); i > 1; i--) {
    tableFree(load<usize>(c.list + ((i - 1) << 2)))
    c.capacity = (i - 1) << SEGMENT_SHIFT
  }
}
