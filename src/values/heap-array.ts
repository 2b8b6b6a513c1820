/**
 * Arrays of the heap as JavaScript sees them: elements of one kind side by side in a store that grows. What all kinds
 * share is here; `value-array.ts`, `wide-array.ts`, `number-array.ts` and `bytes-array.ts` have an element's way in and out.
 *
 *   array   [ store, or 0 ][ length ][ kind : 8 | 0 : 8 | element bytes : 16 ]
 *
 * Fast path: an element that is there, and one that fits behind the last, is read and written through the typed arrays
 * over the memory; the module is called for all else.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import {
  ARRAY_ELEMENT_BYTES_AT,
  ARRAY_KIND_AT,
  ARRAY_LENGTH_AT,
  ARRAY_STORE_AT,
  KIND_BYTES,
  KIND_F32,
  KIND_F64,
  KIND_I8,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_U8,
  KIND_U16,
  KIND_U32,
  KIND_U64,
  KIND_VALUE,
  KIND_WIDE,
} from '../../kernel/value-layout.js'
import { checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import { isImmortal, ObjectView, protectionError } from '../objects/view.js'
import { viewRefusal } from './refusals.js'
import type { ValueSpace } from './value-space.js'

/** Elements that are numbers. */
export type NumberArrayKind = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f32' | 'f64'
/** Elements that are 64-bit integers, bigints in JavaScript. */
export type BigintArrayKind = 'i64' | 'u64'
/** What an array's elements are: any values, in 4 or in 8 bytes; numbers; so many bytes each. */
export type HeapArrayKind = 'value' | 'wide' | NumberArrayKind | BigintArrayKind | { readonly bytes: number }

/** Most bytes of an element that is bytes. */
export const ELEMENT_MAX_BYTES = 65535
export const LENGTH_MAX = 2 ** 31 - 1
/** A full array that is appended to in bulk grows by this, so that many appends cost no more than one. */
const GROWTH = 1.5

export const KIND_NUMBERS: Readonly<Record<'value' | 'wide' | NumberArrayKind | BigintArrayKind, number>> = {
  value: KIND_VALUE,
  i8: KIND_I8,
  u8: KIND_U8,
  i16: KIND_I16,
  u16: KIND_U16,
  i32: KIND_I32,
  u32: KIND_U32,
  i64: KIND_I64,
  u64: KIND_U64,
  f32: KIND_F32,
  f64: KIND_F64,
  wide: KIND_WIDE,
}

/** Bytes of an element. */
export function elementBytesOf(kind: HeapArrayKind): number {
  if (typeof kind === 'object') return kind.bytes
  if (kind === 'value') return 4
  return kind === 'wide' ? 8 : Number(kind.slice(1)) / 8
}

/** An array of the heap: made by `heap.values.array`, or read from where values are kept. */
export abstract class HeapArray<Element = unknown> extends ObjectView implements Iterable<Element> {
  /** How many elements there are. */
  get length(): number {
    const { reference } = this
    return this.$holder.views.u32[(reference + ARRAY_LENGTH_AT) >>> 2] as number
  }

  /** How many there is room for without another store. */
  get capacity(): number {
    return this.$values.kernel.arrayCapacity(this.reference)
  }

  /** What the elements are. */
  abstract get kind(): HeapArrayKind

  /** The element at `index`. @throws ArgumentError when there is none */
  abstract get(index: number): Element
  /** Set the element at `index`. @throws ArgumentError, OutOfMemoryError; nothing has changed then */
  abstract set(index: number, value: Element): void
  /** Append an element; the new length. @throws ArgumentError, OutOfMemoryError; nothing has changed then */
  abstract push(value: Element): number
  /** Take the last element off; undefined when there is none. */
  abstract pop(): Element | undefined
  /** Append many at once, in order; the new length. What is refused, or finds no memory, has appended none. */
  abstract append(values: Iterable<Element>): number
  /** Set the elements from `from` up to, not including, `to`. */
  abstract fill(value: Element, from?: number, to?: number): void
  /** The index of the first element, from `from` on, that is the same value; -1 when none is. */
  abstract indexOf(value: Element, from?: number): number

  /** The same as `get`; a negative index counts from the end, and where there is none it gives undefined. */
  at(index: number): Element | undefined {
    const { length } = this
    const place = index < 0 ? length + index : index
    return Number.isInteger(place) && place >= 0 && place < length ? this.get(place) : undefined
  }

  /** Put an element before the one at `index`, or at the end. */
  insert(index: number, value: Element): void {
    checkRange('index', index, 0, this.length)
    this.$insert(index, value)
  }

  /** Take `count` elements out; those behind them move up. */
  remove(index: number, count = 1): void {
    const { length } = this
    checkRange('index', index, 0, length)
    checkRange('count', count, 0, length - index)
    this.$status('remove', () => this.$values.kernel.arrayRemove(this.reference, index, count))
  }

  /** Make it so long: what is too much goes, new elements are 0 or undefined. */
  resize(length: number): void {
    checkRange('length', length, 0, LENGTH_MAX)
    this.$status('resize', () => this.$values.kernel.arrayResize(this.reference, length), length)
  }

  /** Remove all elements. */
  clear(): void {
    this.resize(0)
  }

  /** Have room for `capacity` elements in all. */
  reserve(capacity: number): void {
    checkRange('capacity', capacity, 0, LENGTH_MAX)
    this.$status('reserve', () => this.$values.kernel.arrayReserve(this.reference, capacity), capacity)
  }

  /** Give back the room that no element takes. */
  trim(): void {
    this.$status('trim', () => this.$values.kernel.arrayTrim(this.reference))
  }

  /** The elements from `from` up to, not including, `to` as a new array in the innermost scope. */
  slice(from = 0, to: number = this.length): this {
    this.$span(from, to)
    const values = this.$values
    const made = values.request(
      (to - from) * this.$elementBytes,
      () => values.kernel.arraySlice(this.reference, from, to),
      (status) => viewRefusal(this, 'slice', status),
    )
    return values.viewOwned(made) as this
  }

  /** The elements as an array of JavaScript. */
  toArray(): Element[] {
    return Array.from({ length: this.length }, (_, i) => this.get(i))
  }

  *[Symbol.iterator](): IterableIterator<Element> {
    for (let index = 0; index < this.length; index++) yield this.get(index)
  }

  /** `array of 3 i32` */
  override toString(): string {
    const { kind } = this
    return `array of ${this.length} ${typeof kind === 'object' ? `times ${kind.bytes} bytes` : kind}`
  }

  // ---- for the kinds ------------------------------------------------------------------------------------------------

  /** @internal */
  get $values(): ValueSpace {
    return this.$holder.space.values
  }

  /** @internal */
  abstract $insert(index: number, value: Element): void

  /** Address of the store; 0 without one. @internal */
  get $store(): number {
    const { reference } = this
    return this.$holder.views.u32[(reference + ARRAY_STORE_AT) >>> 2] as number
  }

  /**
   * Have a call answer STATUS_OK, after room was made if need be.
   *
   * @param elements that the store must have room for when it has too little
   * @internal
   */
  $status(call: string, attempt: () => number, elements = this.length): void {
    const bytes = elements * this.$elementBytes
    this.$values.requestStatus(bytes, attempt, (status) => viewRefusal(this, call, status))
  }

  /** @internal */
  get $elementBytes(): number {
    const { reference } = this
    return this.$holder.views.u16[(reference + ARRAY_ELEMENT_BYTES_AT) >>> 1] as number
  }

  /** The reference, if the array may be written to. @throws ProtectionError @internal */
  $writable(): number {
    const { reference } = this
    if (isImmortal(this.$holder.views.u32, reference)) throw protectionError(reference)
    return reference
  }

  /** @throws ArgumentError when no element is there @internal */
  $check(index: number): void {
    const { length } = this
    if (typeof index === 'number' && index >>> 0 === index && index < length) return
    throw new ArgumentError('index', index, length === 0 ? 'left out: the array is empty' : inRange(length))
  }

  /** @throws ArgumentError @internal */
  $span(from: number, to: number): void {
    checkRange('to', to, 0, this.length)
    checkRange('from', from, 0, to)
  }

  /** Have room for `count` more elements, and some beyond when there was too little. @internal */
  $grow(count: number): void {
    this.$status('reserve', () => this.#makeRoom(count), this.length + count)
  }

  /**
   * Append as many elements as `count` says, which `put` writes from the index on that it is given; the new length. No
   * code of the program runs between the two and the room that is made for them.
   *
   * @internal
   */
  $extend(call: string, count: () => number, put: (index: number) => void): number {
    this.$writable()
    const attempt = () => {
      const more = count()
      const status = this.#makeRoom(more)
      if (status !== STATUS_OK) return status
      const { length } = this
      put(length)
      this.$setLength(length + more)
      return STATUS_OK
    }
    this.$status(call, attempt, this.length + count())
    return this.length
  }

  #makeRoom(count: number): number {
    const { length, capacity } = this
    const needed = length + count
    if (needed <= capacity) return STATUS_OK
    checkRange('length', needed, 0, LENGTH_MAX)
    const room = Math.min(Math.max(needed, Math.floor(capacity * GROWTH)), LENGTH_MAX)
    return this.$values.kernel.arrayReserve(this.reference, room)
  }

  /** Say that there are so many elements: they are in the store. @internal */
  $setLength(length: number): void {
    this.$holder.space.setWordAt(this.reference + ARRAY_LENGTH_AT, length)
  }
}

function inRange(length: number): string {
  return `an integer from 0 to ${length - 1}`
}

/** The kind and the bytes of an element of the array at a reference. */
export function kindAt(view: ObjectView): { readonly kind: number; readonly bytes: number } {
  const { u8, u16 } = ObjectView.holderOf(view).views
  const { reference } = view
  return {
    kind: u8[reference + ARRAY_KIND_AT] as number,
    bytes: u16[(reference + ARRAY_ELEMENT_BYTES_AT) >>> 1] as number,
  }
}

export function isIterable(list: unknown): boolean {
  return typeof (list as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] === 'function'
}

/** The values of something that can be gone through. @throws ArgumentError */
export function listOf<Element>(argument: string, list: Iterable<Element>): Element[] {
  if (isIterable(list)) return [...list]
  throw new ArgumentError(argument, list, 'iterable, such as an array')
}

/** The kind's number and the bytes of an element. @throws ArgumentError */
export function checkArrayKind(kind: unknown): readonly [kind: number, bytes: number] {
  if (typeof kind === 'string' && Object.hasOwn(KIND_NUMBERS, kind)) {
    return [KIND_NUMBERS[kind as keyof typeof KIND_NUMBERS], 0]
  }
  if (typeof kind === 'object' && kind !== null && 'bytes' in kind) {
    return [KIND_BYTES, checkRange('kind.bytes', kind.bytes, 1, ELEMENT_MAX_BYTES)]
  }
  throw new ArgumentError('kind', kind, `'${Object.keys(KIND_NUMBERS).join("', '")}' or { bytes }`)
}
