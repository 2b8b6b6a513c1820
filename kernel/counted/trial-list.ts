/**
 * The list of a trial's members, and what happens to a member while the program goes on.
 *
 *   list   [ alive, and followed | alive | undecided ............... ]
 *            0           aliveDone  aliveEnd                  count
 *
 * Each member knows its index. Whoever turns out to be alive changes places with the first undecided one, so that the
 * list is the queue of those that are to be followed as well, and no second list is needed. A member that is released
 * leaves a 0. While objects are visited the list is the queue of those to be visited and nothing changes places.
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
import { KEPT_ENTRIES, SHORT_ENTRIES, takeCandidate } from './candidates'
import { countWord, placeOf, setCountWord, setPlace, setTrialWord } from './header'
import { counted } from './state'

const FIRST_BYTES: u32 = 1024

// @ts-ignore: decorator
@inline
export function memberAt(index: u32): usize {
  return load<usize>(counted().list + (index << 2))
}

// @ts-ignore: decorator
@inline
export function setMember(index: u32, reference: usize): void {
  store<usize>(counted().list + (index << 2), reference)
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

function growList(): bool {
  const c = counted()
  const bytes = c.list ? c.capacity << 3 : knob(KNOB_SHORT_TRIAL) ? SHORT_ENTRIES << 2 : FIRST_BYTES
  if (knob(KNOB_SHORT_TRIAL) && c.list) return false
  const list = tableAlloc(bytes)
  if (!list) return false
  memory.copy(list, c.list, c.count << 2)
  tableFree(c.list)
  c.list = list
  c.capacity = bytes >> 2
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

/** Empty the list; a long one is given back. */
export function clearList(): void {
  const c = counted()
  c.count = 0
  if (c.capacity <= KEPT_ENTRIES) return
  tableFree(c.list)
  c.list = 0
  c.capacity = 0
}
