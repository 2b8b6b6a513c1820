/**
 * The header of a counted object and the words that lead to it.
 *
 *   block   [ sign ][ count : 28 | state : 4 ][ place ][ trial ][ type | flags ][ bytes ][ payload ]
 *                                                                                        ^ reference = block + 24
 *
 * A block begins at a multiple of 16, so a word is a reference when its low four bits are 8. Nothing else counts.
 */
import { SHAPE_LEAF } from '../object-layout'
import { typeInfo } from '../object-overlay'
import { typeOf } from '../object/header'
import { isReference } from '../object/words'
import {
  COUNTED_ALIVE,
  COUNTED_COUNT_BELOW,
  COUNTED_HEADER_BYTES,
  COUNTED_IN_TRIAL,
  COUNTED_PLACE_BELOW,
  COUNTED_TRIAL_BELOW,
  COUNT_ONE,
  TRIAL_RELEASE,
} from '../value-layout'
import { counted } from './state'

export { isReference }

// @ts-ignore: decorator
@inline
export function countWord(reference: usize): u32 {
  return load<u32>(reference - COUNTED_COUNT_BELOW)
}

// @ts-ignore: decorator
@inline
export function setCountWord(reference: usize, word: u32): void {
  store<u32>(reference - COUNTED_COUNT_BELOW, word)
}

/** Index in the table of candidates or in the trial's list. */
// @ts-ignore: decorator
@inline
export function placeOf(reference: usize): u32 {
  return load<u32>(reference - COUNTED_PLACE_BELOW)
}

// @ts-ignore: decorator
@inline
export function setPlace(reference: usize, place: u32): void {
  store<u32>(reference - COUNTED_PLACE_BELOW, place)
}

/** In a trial the references that are not explained yet; of an object without a count the next such one. */
// @ts-ignore: decorator
@inline
export function trialWord(reference: usize): u32 {
  return load<u32>(reference - COUNTED_TRIAL_BELOW)
}

// @ts-ignore: decorator
@inline
export function setTrialWord(reference: usize, word: u32): void {
  store<u32>(reference - COUNTED_TRIAL_BELOW, word)
}

// @ts-ignore: decorator
@inline
export function signOf(block: usize): u32 {
  return <u32>block ^ counted().cookie
}

/** Whether the object cannot refer to any: it is in no cycle. */
// @ts-ignore: decorator
@inline
export function isLeaf(reference: usize): bool {
  return <u32>typeInfo(typeOf(reference)).shape == SHAPE_LEAF
}

/**
 * Whether an object is where the word says, by one look at the place of its sign, next to its count. Any word may be
 * asked. A released object has no sign any more, and what else lies in memory hardly ever looks like one.
 */
// @ts-ignore: decorator
@inline
export function isObject(word: u32): bool {
  const block = <usize>word - COUNTED_HEADER_BYTES
  return isReference(word) && <u32>(block >> 16) < <u32>memory.size() && load<u32>(block) == signOf(block)
}

/** Whether an object with this count word is garbage that a trial is about to release. */
// @ts-ignore: decorator
@inline
export function isDoomed(word: u32): bool {
  return (word & (COUNTED_IN_TRIAL | COUNTED_ALIVE)) == COUNTED_IN_TRIAL && counted().phase >= TRIAL_RELEASE
}

/** Whether an object with this count word is one that anybody may refer to. */
// @ts-ignore: decorator
@inline
export function isLive(word: u32): bool {
  return word >= COUNT_ONE && !isDoomed(word)
}

/** What a payload of `bytes` takes with its header: at most OBJECT_MAX_BYTES is asked for. */
// @ts-ignore: decorator
@inline
export function countedBytesFor(bytes: u32): u32 {
  return (bytes + COUNTED_HEADER_BYTES + 15) & ~15
}
