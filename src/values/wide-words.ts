/**
 * Wide values for interpreters, by their halves. An array of kind 'wide' lies in memory as `wide.ts` says: what is
 * there is read through `words.i32` and `words.f64`, from `words.arrayAt(array, index)` on; what is written goes
 * through the calls here, which tell collectors and counts.
 */
import { OBJECT_IMMORTAL, TYPE_MASK } from '../../kernel/object-layout.js'
import { ARRAY_KIND_AT, ARRAY_LENGTH_AT, KIND_WIDE, STATUS_RANGE, STATUS_TYPE } from '../../kernel/value-layout.js'
import { refusal } from './refusals.js'
import { highOf, isDouble, lowOf, putNumber, WIDE } from './wide.js'
import type { Word } from './word.js'
import { CALL_BYTES, WordCalls } from './words.js'

const LENGTH_WORD = ARRAY_LENGTH_AT >>> 2
const KIND_WORD = ARRAY_KIND_AT >>> 2
const WRITABLE_MASK = TYPE_MASK | OBJECT_IMMORTAL

/** `WordCalls`, and wide values by their halves. */
export class WideWords extends WordCalls {
  /** Whether a wide value with this upper half is a double; else the half is one of `WIDE`. */
  isWideDouble(high: number): boolean {
    return isDouble(high)
  }

  /** The lower half of the wide value that a word becomes: the integer, the reference, the special. */
  wideLow(word: Word): number {
    return (word & 1) !== 0 ? word >> 1 : word
  }

  /** The upper half of it. A float stays the object that it is: `arraySetWideNumber` stores its value. */
  wideHigh(word: Word): number {
    if ((word & 1) !== 0) return WIDE.integer
    return this.values.isReference(word) ? WIDE.reference : WIDE.special
  }

  /**
   * Set an element of an array of wide values; all NaNs become one.
   *
   * @throws ArgumentError, also for a lower half that is no reference where the upper one says so; CountError
   */
  arraySetWide(array: Word, index: number, low: number, high: number): void {
    this.expectOk(this.values.kernel.arraySetWide(array, index, low, high), 'arraySetWide', [array, index, low, high])
  }

  /** Append to an array of wide values. May allocate. @throws OutOfMemoryError, ArgumentError, CountError */
  arrayPushWide(array: Word, low: number, high: number): void {
    const bytes = this.storeBytes(array, 1)
    this.expectOk(this.values.kernel.arrayPushWide(array, low, high), 'arrayPushWide', [array, low, high], bytes)
  }

  /** The number that an element of an array of wide values is; NaN for what is no number. @throws ArgumentError */
  arrayGetWideNumber(array: Word, index: number): number {
    const place = this.#wideAt('arrayGetWideNumber', array, index)
    const { i32, f64 } = this.space.views
    const high = i32[place + 1] as number
    if (isDouble(high)) return f64[place >>> 1] as number
    if (high === WIDE.integer) return i32[place] as number
    return high === WIDE.reference ? this.numberOf(i32[place] as number) : Number.NaN
  }

  /** Set an element to a number: to an integer where it is one of 32 bits and not -0. @throws ArgumentError */
  arraySetWideNumber(array: Word, index: number, value: number): void {
    const { views } = this.space
    const { i32 } = views
    const at = array >>> 2
    const isThere = index >>> 0 === index && index < (i32[at + LENGTH_WORD] as number) >>> 0
    if (isThere && this.#isWides(i32, at, WRITABLE_MASK)) {
      const place = ((i32[at] as number) >>> 2) + 2 * index
      if (i32[place + 1] !== WIDE.reference) {
        putNumber(views, place, value)
        return
      }
    }
    this.arraySetWide(array, index, lowOf(value), highOf(value))
  }

  /** Append a number. May allocate. @throws OutOfMemoryError, ArgumentError */
  arrayPushWideNumber(array: Word, value: number): void {
    const { views } = this.space
    const { i32 } = views
    const at = array >>> 2
    const store = i32[at] as number
    if (store !== 0 && this.#isWides(i32, at, WRITABLE_MASK)) {
      const length = i32[at + LENGTH_WORD] as number
      if (length < (i32[(store >>> 2) - 1] as number) >>> 3) {
        putNumber(views, (store >>> 2) + 2 * length, value)
        i32[at + LENGTH_WORD] = length + 1
        return
      }
    }
    this.arrayPushWide(array, lowOf(value), highOf(value))
  }

  /**
   * An element of an array of wide values as a word: a number that is no small integer becomes a float. May allocate;
   * owned.
   *
   * @throws OutOfMemoryError, ArgumentError, CountError
   */
  arrayGetWide(array: Word, index: number): Word {
    const place = this.#wideAt('arrayGetWide', array, index)
    const { i32, f64 } = this.space.views
    const low = i32[place] as number
    const high = i32[place + 1] as number
    if (isDouble(high)) return this.number(f64[place >>> 1] as number)
    if (high === WIDE.integer) return this.number(low)
    return high === WIDE.reference ? this.retain(low) : low
  }

  /** Word index of an element of an array of wide values; the views are attached then. */
  #wideAt(call: string, array: Word, index: number): number {
    const { i32 } = this.space.attachedViews()
    const at = array >>> 2
    const isWides = this.#isWides(i32, at, TYPE_MASK)
    if (isWides && index >>> 0 === index && index < (i32[at + LENGTH_WORD] as number) >>> 0) {
      return ((i32[at] as number) >>> 2) + 2 * index
    }
    throw refusal(this.space, call, isWides ? STATUS_RANGE : STATUS_TYPE, [array, index], CALL_BYTES)
  }

  #isWides(i32: Int32Array, at: number, mask: number): boolean {
    // Of detached views nothing equals anything.
    return (
      ((i32[at - 2] as number) & mask) === (mask === TYPE_MASK ? this.values.types.array : this.values.writableArray) &&
      ((i32[at + KIND_WORD] as number) & 0xff) === KIND_WIDE
    )
  }
}
