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
import {
  COUNTED_COUNT_BELOW,
  COUNTED_HEADER_BYTES,
  COUNTED_PLACE_BELOW,
  COUNTED_TRIAL_BELOW,
  COUNT_MAX,
  COUNT_SHIFT,
} from '../value-layout'
import { counted } from './state'

// @ts-ignore: decorator
@inline
export function isReference(word: u32): bool {
  return (word & 15) == 8
}

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

/** Whether a word is a reference whose count is at its most. */
// @ts-ignore: decorator
@inline
export function isFull(word: u32): bool {
  return isReference(word) && countWord(word) >> COUNT_SHIFT == COUNT_MAX
}

/** What a payload of `bytes` takes with its header: at most OBJECT_MAX_BYTES is asked for. */
// @ts-ignore: decorator
@inline
export function countedBytesFor(bytes: u32): u32 {
  return (bytes + COUNTED_HEADER_BYTES + 15) & ~15
}
