/**
 * Numbers: integers as words, everything else as boxed doubles. There is one NaN, so that equal words are equal values
 * wherever a double is compared by its bits.
 */
import { INTEGER_MAX, INTEGER_MIN, VALUES_TYPE_FLOAT_AT } from '../value-layout'
import { integerOf, isInteger, wordOfInteger } from './words'
import { allocate, isOf, stateWord } from './world'

export const NAN_BITS: u64 = 0x7ff8000000000000
const FLOAT_BYTES: u32 = 8

/** A float, owned; 0 when out of memory. */
export function floatNew(value: f64): u32 {
  const made = allocate(stateWord(VALUES_TYPE_FLOAT_AT), FLOAT_BYTES)
  if (made) {
    if (value == value) store<f64>(made, value)
    else store<u64>(made, NAN_BITS)
  }
  return made
}

/** The word of a number, owned: an integer where the value is one in range and not -0, else a float. 0: no memory. */
export function numberNew(value: f64): u32 {
  if (value >= <f64>INTEGER_MIN && value <= <f64>INTEGER_MAX) {
    const whole = <i32>value
    if (<f64>whole == value && (whole || !(reinterpret<u64>(value) >> 63))) return wordOfInteger(whole)
  }
  return floatNew(value)
}

/** The value of an integer or a float; NaN for what is no number. */
export function numberOf(word: u32): f64 {
  if (isInteger(word)) return <f64>integerOf(word)
  return isOf(word, VALUES_TYPE_FLOAT_AT) ? load<f64>(word) : NaN
}

export function isNumber(word: u32): bool {
  return isInteger(word) || isOf(word, VALUES_TYPE_FLOAT_AT)
}
