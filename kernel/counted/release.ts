/**
 * Counting up and down, and what becomes of an object without a count: its references are dropped, its memory is
 * freed. Children whose count comes to 0 by that are linked through their own trial word and taken in turn, so a list
 * of any length goes without recursion and without memory.
 *
 * These are the kernel's own ways. What programs hand in is checked in `counts.ts`. What objects hold is taken with a
 * look at the sign: a program that has taken back somebody else's count leaves words behind that lead nowhere.
 */
import { check } from '../host'
import { headWord, payloadBytes } from '../object/header'
import { scan } from '../object/scan'
import { space } from '../object-overlay'
import { free } from '../block/alloc'
import { STATUS_OK } from '../layout'
import {
  COUNTED_AGAIN,
  COUNTED_CANDIDATE,
  COUNTED_HEADER_BYTES,
  COUNTED_IN_TRIAL,
  COUNT_ONE,
  COUNT_SHIFT,
  OBJECT_WATCHED,
  TRIAL_IDLE,
} from '../value-layout'
import { addCandidate, takeCandidate } from './candidates'
import {
  countWord,
  countedBytesFor,
  isLeaf,
  isLive,
  isObject,
  isReference,
  setCountWord,
  setTrialWord,
  trialWord,
} from './header'
import { counted } from './state'
import { leaveTrial, touch } from './trial-list'

const CANDIDATE_STATES: u32 = COUNTED_CANDIDATE | COUNTED_IN_TRIAL

/** One reference more. The count is below its most. */
// @ts-ignore: decorator
@inline
export function increment(reference: usize): void {
  const word = countWord(reference) + COUNT_ONE
  setCountWord(reference, word)
  if (word & COUNTED_IN_TRIAL) touch(reference)
}

/** One reference less of a live object; without any it is released. */
// @ts-ignore: decorator
@inline
export function decrement(reference: usize): void {
  const word = countWord(reference) - COUNT_ONE
  setCountWord(reference, word)
  if (word < COUNT_ONE) release(reference)
  else if ((word & CANDIDATE_STATES) != COUNTED_CANDIDATE || counted().phase != TRIAL_IDLE) suspect(reference)
}

/**
 * Take back the reference that a word may be. One that leads to no object, or to one about to go, is left alone: more
 * was taken back than was there.
 */
export function dropWord(word: u32): void {
  if (isObject(word) && isLive(countWord(word))) decrement(word)
}

/** The same with the words of [from, to). */
export function dropWords(from: usize, to: usize): void {
  for (let at = from; at < to; at += 4) {
    const word = load<u32>(at)
    if (isReference(word)) dropWord(word)
  }
}

/**
 * The object has lost a reference, not its last: it may be part of garbage now. While a trial goes on it stays a
 * candidate beyond that: it may become a member yet, and be kept by another one that was touched before.
 */
export function suspect(reference: usize): void {
  const word = countWord(reference)
  if (word & COUNTED_IN_TRIAL) {
    setCountWord(reference, word | COUNTED_AGAIN)
    touch(reference)
    return
  }
  if (!(word & COUNTED_CANDIDATE)) {
    if (isLeaf(reference)) return
    addCandidate(reference)
  }
  const now = countWord(reference)
  if (now & COUNTED_CANDIDATE && counted().phase != TRIAL_IDLE) setCountWord(reference, now | COUNTED_AGAIN)
}

/** Release an object whose count has come to 0. */
export function release(reference: usize): void {
  if (isLeaf(reference)) {
    freeObject(reference)
    return
  }
  const c = counted()
  const word = countWord(reference)
  if (word & COUNTED_IN_TRIAL) leaveTrial(reference)
  else if (word & COUNTED_CANDIDATE) takeCandidate(reference)
  setCountWord(reference, 0)
  setTrialWord(reference, c.work)
  c.work = reference
  if (!c.isDraining) drain()
}

/** From here to `letGo` what loses its last reference stays as it is, if it can refer to others. */
export function hold(): void {
  counted().isDraining = 1
}

export function letGo(): void {
  drain()
}

function drain(): void {
  const c = counted()
  c.isDraining = 1
  while (c.work) {
    const reference = c.work
    c.work = trialWord(reference)
    scan<Dropper>(reference)
    freeObject(reference)
  }
  c.isDraining = 0
}

@unmanaged
@final
class Dropper {
  visit(slot: usize): void {
    const word = load<u32>(slot)
    if (isReference(word)) dropWord(word)
  }
}

/** Free the memory of an object that nothing refers to and that refers to nothing any more. */
export function freeObject(reference: usize): void {
  const s = space()
  if (headWord(reference) & OBJECT_WATCHED) clearWatch(load<u32>(reference))
  s.liveObjects--
  s.liveBytes -= countedBytesFor(payloadBytes(reference))
  const block = reference - COUNTED_HEADER_BYTES
  // In a run nothing overwrites what is freed: a later block there must not look like an object.
  store<u64>(block, 0)
  const status = free(block)
  check(status == STATUS_OK, 2010, block)
}

/** The word that watches an object loses it. */
export function clearWatch(at: usize): void {
  if (at && !(at & 3) && <u64>at + 4 <= <u64>(<u32>memory.size()) << 16) store<u32>(at, 0)
}

/** The count alone. */
// @ts-ignore: decorator
@inline
export function countOf(reference: usize): u32 {
  return countWord(reference) >> COUNT_SHIFT
}
