/**
 * What differs between the two worlds, and nothing else: how an object is made, how a word is stored in one, who is
 * counted. Traced: references move, so what a call needs after an allocation lies in its operand words meanwhile.
 * Counted: nothing moves, and what a call makes or takes out belongs to its caller.
 *
 * Guarantee: a call that fails leaves its reason in the state and has changed nothing.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import {
  COUNTED_COUNT_BELOW,
  COUNTED_SIGN_BELOW,
  COUNT_MAX,
  COUNT_ONE,
  COUNT_SHIFT,
  SPACE_COOKIE_AT,
  SPACE_TRIAL_PHASE_AT,
  TRIAL_IDLE,
  VALUES_OPERANDS_AT,
  VALUES_STATUS_AT,
} from '../value-layout'
import { OBJECT_IMMORTAL, OBJECT_SMALL_MAX_BYTES, SPACE_STATUS_AT, SPACE_VALUES_AT, TYPE_MASK } from '../object-layout'
import { space, spaceAt } from '../object-overlay'
import { headWord, objectBytesFor, payloadBytes, typeOf, writeHeader } from '../object/header'
import { isForeign, ownerStatus } from '../object/owners'
import { isYoung, young } from '../young-overlay'
import {
  kernelCopy,
  kernelDecref,
  kernelIncref,
  kernelObjectNew,
  kernelStore,
  kernelTouchWords,
} from './kernel'
import { isReference } from './words'

// ---- the state ------------------------------------------------------------------------------------------------------

/** Address of the values' state; 0 before it is made. */
// @ts-ignore: decorator
@inline
export function valuesAt(): usize {
  return load<usize>(spaceAt() + SPACE_VALUES_AT)
}

/** A word of the state, `VALUES_…_AT`. */
// @ts-ignore: decorator
@inline
export function stateWord(at: u32): u32 {
  return load<u32>(valuesAt() + at)
}

// @ts-ignore: decorator
@inline
export function setStateWord(at: u32, word: u32): void {
  store<u32>(valuesAt() + at, word)
}

/** Leave the reason for an answer of 0. */
export function refuse(status: u32): u32 {
  setStateWord(VALUES_STATUS_AT, status)
  return 0
}

/** What calls answer that look for a position, or for what is there, and find nothing. */
export const NOWHERE: u32 = 0xffffffff

/** Leave the reason for an answer of NOWHERE. */
export function nowhere(status: u32): u32 {
  refuse(status)
  return NOWHERE
}

/** Leave the reason and answer it. */
export function failed(status: u32): u32 {
  setStateWord(VALUES_STATUS_AT, status)
  return status
}

// ---- operands -------------------------------------------------------------------------------------------------------

/** Keep a word across an allocation, which may move what it refers to. */
// @ts-ignore: decorator
@inline
export function keep(operand: u32, word: u32): void {
  store<u32>(valuesAt() + VALUES_OPERANDS_AT + (operand << 2), word)
}

/** The word again. */
// @ts-ignore: decorator
@inline
export function kept(operand: u32): u32 {
  return load<u32>(valuesAt() + VALUES_OPERANDS_AT + (operand << 2))
}

/** The call is over: its operands keep nothing alive any more. */
export function letGo(): void {
  memory.fill(valuesAt() + VALUES_OPERANDS_AT, 0, 32)
}

// ---- objects --------------------------------------------------------------------------------------------------------

/**
 * A zeroed object of `type` with a payload of `bytes`, which fit each other: 0 when out of memory, and the state says
 * so. May collect and move. In the counted world the caller owns it.
 */
export function allocate(type: u32, bytes: u32): usize {
  // @ts-ignore: set by --use
  if (!HW_COUNTED) {
    const total = objectBytesFor(bytes)
    const s = space()
    const at = s.bump
    if (total <= s.limit - at && total <= OBJECT_SMALL_MAX_BYTES) {
      s.bump = at + total
      const made = writeHeader(at, type, bytes)
      memory.fill(made, 0, total - 8)
      return made
    }
  }
  const reference = kernelObjectNew(type, bytes)
  if (!reference) {
    const status = load<u32>(spaceAt() + SPACE_STATUS_AT)
    refuse(status == STATUS_BAD_ARGUMENT ? STATUS_BAD_ARGUMENT : STATUS_OUT_OF_MEMORY)
  }
  return reference
}

/**
 * Whether the header that the word leads to may be read. Any word may be asked. Counted: whether an object is there, by
 * its sign; one that was released has none any more. A tenant's: no object of another heap but a shared one.
 */
// @ts-ignore: decorator
@inline
export function leadsToObject(word: u32): bool {
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    const block = word - COUNTED_SIGN_BELOW
    if (!isReference(word) || block >> 16 >= <u32>memory.size()) return false
    return load<u32>(block) == (block ^ load<u32>(spaceAt() + SPACE_COOKIE_AT))
  }
  return isReference(word) && word >> 16 < <u32>memory.size() && !isForeign(word)
}

/** Whether a program may have `word` stored, as a status: BAD_ARGUMENT for 0, FOREIGN for an object of another heap. */
// @ts-ignore: decorator
@inline
export function wordStatus(word: u32): u32 {
  return word ? ownerStatus(word) : STATUS_BAD_ARGUMENT
}

/** Whether `word` refers to an object of the type whose id the state holds at `at`. Any word may be asked. */
// @ts-ignore: decorator
@inline
export function isOf(word: u32, at: u32): bool {
  return leadsToObject(word) && typeOf(word) == stateWord(at)
}

/** The same of one that may be written: one of an image may not. */
// @ts-ignore: decorator
@inline
export function isOwnOf(word: u32, at: u32): bool {
  return leadsToObject(word) && (headWord(word) & (TYPE_MASK | OBJECT_IMMORTAL)) == stateWord(at)
}

export { headWord, payloadBytes, typeOf }

// ---- words in objects -----------------------------------------------------------------------------------------------

/** Store a word that `slot` of `holder` takes its own count of. Another status than OK: nothing has changed. */
export function put(holder: usize, slot: usize, word: u32): u32 {
  const old = load<u32>(slot)
  // @ts-ignore: set by --use
  if (HW_EMBEDDED) {
    store<u32>(slot, word)
    return STATUS_OK
  }
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    if (isReference(word) || isReference(old)) return kernelStore(holder, slot, word)
    store<u32>(slot, word)
    return STATUS_OK
  }
  const isPlain = isYoung(holder) || (!young().shading && !(isReference(word) && isYoung(word)))
  if (!isPlain) return kernelStore(holder, slot, word)
  store<u32>(slot, word)
  return STATUS_OK
}

/** The same for a word that the caller owns, and hands over: into a slot that holds no reference. */
export function putOwned(holder: usize, slot: usize, word: u32): void {
  // @ts-ignore: set by --use
  if (HW_COUNTED) store<u32>(slot, word)
  else put(holder, slot, word)
}

/** Take a word out of a slot: it is the caller's from here on. */
export function take(holder: usize, slot: usize): u32 {
  const word = load<u32>(slot)
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    tellTrial(slot, 1)
    store<u32>(slot, 0)
  } else put(holder, slot, 0)
  return word
}

/**
 * Move `count` words from one object into words of `holder` that hold no references, counts with them: what stays at
 * `from` is nobody's, and the caller clears it or lets its object go as one without references.
 */
export function moveWords(holder: usize, to: usize, from: usize, count: u32): void {
  // @ts-ignore: set by --use
  if (HW_COUNTED) tellTrial(from, count)
  // @ts-ignore: set by --use
  if (HW_COUNTED || HW_EMBEDDED) memory.copy(to, from, count << 2)
  else kernelCopy(holder, to, from, count)
}

/**
 * Counted: words that hold references move with their counts, within an object or out of it. A trial of the cycle
 * collector that goes on would find the same counts and not the words.
 */
// @ts-ignore: decorator
@inline
export function tellTrial(at: usize, count: u32): void {
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    if (load<u32>(spaceAt() + SPACE_TRIAL_PHASE_AT) != TRIAL_IDLE) kernelTouchWords(at, count)
  }
}

/** Copy words, each counted once more where it now lies as well; what lay there is let go. */
export function copyWords(holder: usize, to: usize, from: usize, count: u32): u32 {
  // @ts-ignore: set by --use
  if (HW_EMBEDDED) memory.copy(to, from, count << 2)
  // @ts-ignore: set by --use
  else return kernelCopy(holder, to, from, count)
  return STATUS_OK
}

// ---- counts ---------------------------------------------------------------------------------------------------------

/** Let go of what the caller owns. Nothing in the traced worlds. */
// @ts-ignore: decorator
@inline
export function release(word: u32): void {
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    if (isReference(word)) kernelDecref(word)
  }
}

/** Own a word that was lent, as a status: COUNT when the count can go no higher, another where no object is. */
// @ts-ignore: decorator
@inline
export function own(word: u32): u32 {
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    if (isReference(word)) return kernelIncref(word)
  }
  return STATUS_OK
}

/** The same for a word that is sound. False when the count can go no higher. */
// @ts-ignore: decorator
@inline
export function retain(word: u32): bool {
  return own(word) == STATUS_OK
}

/**
 * Counted: keep an object while words are let go that may be what keeps it, without making it a candidate. True when
 * `countDown` has to follow; one whose count is full is kept by others.
 */
export function countUp(reference: usize): bool {
  // @ts-ignore: set by --use
  if (!HW_COUNTED) return false
  const at = reference - COUNTED_COUNT_BELOW
  const word = load<u32>(at)
  if (word >> COUNT_SHIFT == COUNT_MAX) return false
  store<u32>(at, word + COUNT_ONE)
  return true
}

/** Take back what `countUp` did. */
export function countDown(reference: usize, isCounted: bool): void {
  // @ts-ignore: set by --use
  if (!HW_COUNTED || !isCounted) return
  const at = reference - COUNTED_COUNT_BELOW
  const word = load<u32>(at)
  if (word >> COUNT_SHIFT == 1) kernelDecref(reference)
  else store<u32>(at, word - COUNT_ONE)
}

/** Whether only the caller owns it. False in the traced worlds, where nobody knows. */
// @ts-ignore: decorator
@inline
export function isUnshared(reference: usize): bool {
  // @ts-ignore: set by --use
  return HW_COUNTED ? load<u32>(reference - COUNTED_COUNT_BELOW) >> COUNT_SHIFT == 1 : false
}
