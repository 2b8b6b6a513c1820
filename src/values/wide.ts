/**
 * Wide values: 64 bits that say what they are. A double is itself; where the upper half is one of three bit patterns
 * that no double of JavaScript's has, the lower half is an integer, a reference or the word of a special. The table is
 * in `kernel/value-layout.ts`.
 *
 * A number has one form: an integer of 32 bits that is not -0 is an integer, every other one a double, and NaN has one
 * bit pattern. So an interpreter knows by the upper half which arithmetic a value takes, and numbers whose bits are the
 * same are the same. What is read is the number that was stored, whichever form it has.
 */
import { WIDE_INTEGER, WIDE_NAN, WIDE_REFERENCE, WIDE_SPECIAL } from '../../kernel/value-layout.js'

/** Upper halves of wide values, with a sign, as `words.i32` reads them. */
export interface WideNumbers {
  /** 0xfffc0000: the lower half is an integer, from -2^31 to 2^31 - 1. */
  readonly integer: number
  /** 0xfffd0000: the lower half is a reference, never 0. */
  readonly reference: number
  /** 0xfffe0000: the lower half is the word of a special or a character: `WORD.undefined`, `words.special(n)`. */
  readonly special: number
  /** 0x7ff80000: above a lower half of 0 it is NaN, the only one. */
  readonly nan: number
}

export const WIDE: WideNumbers = Object.freeze({
  integer: WIDE_INTEGER | 0,
  reference: WIDE_REFERENCE | 0,
  special: WIDE_SPECIAL | 0,
  nan: WIDE_NAN | 0,
})

const INTEGER = WIDE_INTEGER | 0
const NAN = WIDE_NAN | 0

/** A double, and its halves: where a number's bits are asked for. */
const double = new Float64Array(1)
const halves = new Int32Array(double.buffer)

/** Whether the upper half, with a sign or without, is that of a double. */
export function isDouble(high: number): boolean {
  return high >>> 0 < WIDE_INTEGER
}

/** Whether a number is stored as an integer: 32 bits, and not -0. */
export function isWideInteger(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0)
}

/** The lower half of a number. */
export function lowOf(value: number): number {
  if (isWideInteger(value)) return value
  if (Number.isNaN(value)) return 0
  double[0] = value
  return halves[0] as number
}

/** The upper half of a number. */
export function highOf(value: number): number {
  if (isWideInteger(value)) return INTEGER
  if (Number.isNaN(value)) return NAN
  double[0] = value
  return halves[1] as number
}

/** The memory, by elements of two sizes. */
export interface WideMemory {
  readonly i32: Int32Array
  readonly f64: Float64Array
}

/**
 * Write a number where nobody's reference lies. NaN is written by its halves: a typed array may store any NaN, and some
 * have the bits of a reference.
 *
 * @param place word index of the lower half
 */
export function putNumber({ i32, f64 }: WideMemory, place: number, value: number): void {
  if (isWideInteger(value)) {
    i32[place] = value
    i32[place + 1] = INTEGER
  } else if (Number.isNaN(value)) {
    i32[place] = 0
    i32[place + 1] = NAN
  } else {
    f64[place >>> 1] = value
  }
}
