/**
 * Arrays of any values, 64 bits each: doubles lie in the array itself, so a number is never an object. `wide.ts` says
 * which number has which form.
 *
 * Fast path: a number is read, and put where no reference lies, through the typed arrays over the memory. What takes
 * the place of a reference, and what is one, goes through the module, which tells collectors and counts.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import { OBJECT_HEADER_BYTES, OBJECT_IMMORTAL } from '../../kernel/object-layout.js'
import { ARRAY_LENGTH_AT, WIDE_INTEGER, WIDE_REFERENCE, WIDE_SPECIAL } from '../../kernel/value-layout.js'
import { checkRange } from '../arguments.js'
import { HeapArray, listOf } from './heap-array.js'
import { NumberArray } from './number-array.js'
import type { Value } from './value.js'
import { highOf, lowOf, putNumber, type WideMemory } from './wide.js'
import { plainSpecial, type Word } from './word.js'

const LENGTH_WORD = ARRAY_LENGTH_AT >>> 2
const HEADER_WORDS = OBJECT_HEADER_BYTES >>> 2

/** An array whose elements are any values, in 8 bytes each: numbers need no memory beside it. */
export class WideArray extends HeapArray<Value> {
  get kind(): 'wide' {
    return 'wide'
  }

  get(index: number): Value {
    const { u32, f64 } = this.$holder.views
    const at = (u32[this.$slot] || this.reference) >>> 2
    if (!(index >>> 0 === index && index < (u32[at + LENGTH_WORD] as number))) return this.#getSlow(index)
    const place = ((u32[at] as number) >>> 2) + 2 * index
    const high = u32[place + 1] as number
    if (high < WIDE_INTEGER) return f64[place >>> 1]
    return high === WIDE_INTEGER ? (u32[place] as number) | 0 : this.#load(index)
  }

  set(index: number, value: Value): void {
    if (typeof value === 'number' && index >>> 0 === index) {
      const { views } = this.$holder
      const { u32 } = views
      const at = (u32[this.$slot] || this.reference) >>> 2
      const place = ((u32[at] as number) >>> 2) + 2 * index
      // What was no reference, neither a count nor a collector needs to hear of.
      const isPlain = index < (u32[at + LENGTH_WORD] as number) && u32[place + 1] !== WIDE_REFERENCE
      if (isPlain && ((u32[at - HEADER_WORDS] as number) & OBJECT_IMMORTAL) === 0) {
        putNumber(views, place, value)
        return
      }
    }
    this.$check(index)
    this.#store('set', value, (low, high) => this.$values.kernel.arraySetWide(this.reference, index, low, high))
  }

  push(value: Value): number {
    const { views } = this.$holder
    const { u32 } = views
    const at = (u32[this.$slot] || this.reference) >>> 2
    const store = u32[at] as number
    if (typeof value === 'number' && store > 0) {
      const length = u32[at + LENGTH_WORD] as number
      const hasRoom = length < (u32[(store >>> 2) - 1] as number) >>> 3
      if (hasRoom && ((u32[at - HEADER_WORDS] as number) & OBJECT_IMMORTAL) === 0) {
        // Behind the last element no reference lies.
        putNumber(views, (store >>> 2) + 2 * length, value)
        u32[at + LENGTH_WORD] = length + 1
        return length + 1
      }
    }
    this.#store('push', value, (low, high) => this.$values.kernel.arrayPushWide(this.reference, low, high))
    return this.length
  }

  pop(): Value {
    const { length } = this
    this.$writable()
    if (length === 0) return undefined
    // The view of an object owns it before the array lets go of it.
    const value = this.get(length - 1)
    if (typeof value === 'number' && this.#highAt(length - 1) !== WIDE_REFERENCE) this.#cutNumber(length - 1)
    else this.resize(length - 1)
    return value
  }

  /** @internal */
  $insert(index: number, value: Value): void {
    const { kernel } = this.$values
    this.$values.check('value', value, 1)
    this.#withHalves(value, (halves) => {
      this.$status('insert', () => kernel.arrayInsert(this.reference, index, 1), this.length + 1)
      this.$status('insert', () => halves((low, high) => kernel.arraySetWide(this.reference, index, low, high)))
    })
  }

  /** Values, or another array's: of this one, too. Arrays of doubles are copied in one pass. */
  append(list: Iterable<Value>): number {
    const doubles = this.#doublesOf(list)
    if (doubles) return this.#appendDoubles(doubles)
    const values = this.$values
    const all = list instanceof WideArray ? list.toArray() : listOf('values', list)
    for (let i = 0; i < all.length; i++) values.check(`values[${i}]`, all[i], all.length)
    this.$writable()
    this.$grow(all.length)
    const { length } = this
    try {
      for (let i = 0; i < all.length; i++) this.push(all[i])
    } catch (error) {
      if (this.$holder.isOpen && this.length > length) this.resize(length)
      throw error
    }
    return this.length
  }

  fill(value: Value, from = 0, to: number = this.length): void {
    this.$span(from, to)
    this.$values.check('value', value, to - from)
    this.$writable()
    this.#store('fill', value, (low, high) => this.#fillHalves(low, high, from, to))
  }

  /** Numbers are the same by value, NaN as itself and 0 as -0; strings by text; everything else when it is the same. */
  indexOf(value: Value, from = 0): number {
    checkRange('from', from, 0, this.length)
    if (typeof value === 'number') return this.#indexOfNumber(value, from)
    return this.$values.withWord('value', value, (word) => this.#indexOfWord(word() >>> 0, from))
  }

  /** As plain data: text as text, other objects by their references. */
  override toJSON(): unknown {
    return Array.from({ length: this.length }, (_, i) => {
      const number = this.#numberAt(i)
      return number === undefined ? this.$values.plain(this.#lowAt(i)) : number
    })
  }

  // ---- elements -----------------------------------------------------------------------------------------------------

  #getSlow(index: number): Value {
    this.$check(index)
    return this.#load(index)
  }

  /** An element that is there, whatever it is. */
  #load(index: number): Value {
    if (this.#highAt(index) === WIDE_REFERENCE) {
      return this.$values.read(this.#lowAt(index), () => this.#referenceAt(index))
    }
    const number = this.#numberAt(index)
    return number === undefined ? plainSpecial(this.#lowAt(index)) : number
  }

  #lowAt(index: number): Word {
    return this.$holder.space.wordAt(this.$store + 8 * index)
  }

  #highAt(index: number): number {
    return this.$holder.space.wordAt(this.$store + 8 * index + 4)
  }

  /** The reference that lies there now, else 0. */
  #referenceAt(index: number): Word {
    return index < this.length && this.#highAt(index) === WIDE_REFERENCE ? this.#lowAt(index) : 0
  }

  /** The number that an element is, also one in an object of its own, which an interpreter may have put there. */
  #numberAt(index: number): number | undefined {
    const { f64 } = this.$holder.space.attachedViews()
    const high = this.#highAt(index)
    if (high < WIDE_INTEGER) return f64[(this.$store >>> 3) + index]
    const low = this.#lowAt(index)
    if (high === WIDE_INTEGER) return low | 0
    const values = this.$values
    const isFloat = high === WIDE_REFERENCE && values.space.typeAt(low) === values.types.float
    return isFloat ? values.floatAt(low) : undefined
  }

  #indexOfNumber(value: number, from: number): number {
    const { length } = this
    for (let i = from; i < length; i++) {
      const number = this.#numberAt(i)
      if (number === value || (Number.isNaN(number) && Number.isNaN(value))) return i
    }
    return -1
  }

  /** The word is no number. */
  #indexOfWord(word: Word, from: number): number {
    const { kernel, space, types } = this.$values
    const sought = this.#highOfWord(word)
    const isText = sought === WIDE_REFERENCE && space.typeAt(word) === types.string
    const { length } = this
    for (let i = from; i < length; i++) {
      if (this.#highAt(i) !== sought) continue
      const low = this.#lowAt(i)
      if (low === word || (isText && kernel.stringEquals(low, word) !== 0)) return i
    }
    return -1
  }

  // ---- storing ------------------------------------------------------------------------------------------------------

  #store(call: string, value: Value, attempt: (low: number, high: number) => number): void {
    this.$values.check('value', value)
    const elements = call === 'push' ? this.length + 1 : this.length
    this.#withHalves(value, (halves) => this.$status(call, () => halves(attempt), elements))
  }

  /** Call `use` with what hands the halves of a value to a call, as they are then, for objects move. */
  #withHalves(value: Value, use: (halves: (call: (low: number, high: number) => number) => number) => void): void {
    if (typeof value === 'number') {
      use((call) => call(lowOf(value), highOf(value)))
      return
    }
    this.$values.withWord('value', value, (word) =>
      use((call) => {
        const low = word()
        return call(low, this.#highOfWord(low))
      }),
    )
  }

  /** The upper half above a word that is no integer. */
  #highOfWord(word: Word): number {
    return this.$values.isReference(word) ? WIDE_REFERENCE : WIDE_SPECIAL
  }

  /** Take off the last element, a number that lies there: behind the length all is 0. */
  #cutNumber(index: number): void {
    const { f64 } = this.$holder.space.attachedViews()
    f64[(this.$store >>> 3) + index] = 0
    this.$setLength(index)
  }

  /** Set elements, none of which can be refused; a status. */
  #fillHalves(low: number, high: number, from: number, to: number): number {
    const { kernel, space } = this.$values
    const { reference } = this
    const first = this.$store >>> 2
    let { u32 } = space.attachedViews()
    let status = STATUS_OK
    for (let i = from; i < to && status === STATUS_OK; i++) {
      const place = first + 2 * i
      if (high !== WIDE_REFERENCE && u32[place + 1] !== WIDE_REFERENCE) {
        u32[place] = low
        u32[place + 1] = high
      } else {
        status = kernel.arraySetWide(reference, i, low, high)
        // What is let go may need room to be noted, by which the memory grows.
        u32 = space.attachedViews().u32
      }
    }
    return status
  }

  // ---- doubles at once ----------------------------------------------------------------------------------------------

  /** The doubles of what has nothing else, outside of this heap's memory: they may move when there is to be room. */
  #doublesOf(list: unknown): Float64Array | undefined {
    if (list instanceof NumberArray) return list.kind === 'f64' ? list.toTypedArray() : undefined
    if (!(list instanceof Float64Array)) return undefined
    return list.buffer === this.$holder.space.core.memory.buffer ? list.slice() : list
  }

  #appendDoubles(doubles: Float64Array): number {
    const count = doubles.length
    this.$writable()
    this.$grow(count)
    const { length } = this
    const views: WideMemory = this.$holder.space.attachedViews()
    const place = (this.$store >>> 2) + 2 * length
    for (let i = 0; i < count; i++) putNumber(views, place + 2 * i, doubles[i] as number)
    this.$setLength(length + count)
    return length + count
  }
}
