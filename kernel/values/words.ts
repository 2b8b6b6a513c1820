/** Words: what 32 bits say of themselves. The table is in `value-layout.ts`. */
import { INTEGER_MAX, INTEGER_MIN } from '../value-layout'

export { isReference } from '../object/words'

// @ts-ignore: decorator
@inline
export function isInteger(word: u32): bool {
  return (word & 1) != 0
}

// @ts-ignore: decorator
@inline
export function integerOf(word: u32): i32 {
  return (<i32>word) >> 1
}

/** The word of an integer from INTEGER_MIN to INTEGER_MAX. */
// @ts-ignore: decorator
@inline
export function wordOfInteger(value: i32): u32 {
  return ((<u32>value) << 1) | 1
}

// @ts-ignore: decorator
@inline
export function fitsInteger(value: i64): bool {
  return value >= <i64>INTEGER_MIN && value <= <i64>INTEGER_MAX
}
