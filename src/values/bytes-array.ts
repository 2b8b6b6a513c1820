/** Arrays whose elements are so many bytes each. */

import { STATUS_OK } from '../../kernel/layout.js'
import { checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import type { Holder } from '../objects/holder.js'
import { typedLength } from '../typed-arrays.js'
import { HeapArray, kindAt, listOf } from './heap-array.js'

/** An array whose elements are bytes: read as copies, set from `Uint8Array`s of exactly their size. */
export class BytesArray extends HeapArray<Uint8Array> {
  /** Bytes of an element. */
  readonly elementBytes: number

  /** @internal */
  constructor(holder: Holder, slot: number) {
    super(holder, slot)
    this.elementBytes = kindAt(this).bytes
  }

  get kind(): { readonly bytes: number } {
    return { bytes: this.elementBytes }
  }

  get(index: number): Uint8Array<ArrayBuffer> {
    this.$check(index)
    const at = this.$store + index * this.elementBytes
    return this.$holder.views.u8.slice(at, at + this.elementBytes)
  }

  set(index: number, value: Uint8Array): void {
    this.$check(index)
    this.#checkElement('value', value)
    this.$writable()
    this.#put(index, value)
  }

  push(value: Uint8Array): number {
    this.#checkElement('value', value)
    const own = copyOf(value)
    return this.$extend(
      'push',
      () => 1,
      (index) => this.#put(index, own),
    )
  }

  pop(): Uint8Array<ArrayBuffer> | undefined {
    const { length } = this
    this.$writable()
    if (length === 0) return undefined
    const value = this.get(length - 1)
    this.$setLength(length - 1)
    return value
  }

  /** @internal */
  $insert(index: number, value: Uint8Array): void {
    this.#checkElement('value', value)
    const own = copyOf(value)
    const attempt = () => {
      const status = this.$values.kernel.arrayInsert(this.reference, index, 1)
      if (status === STATUS_OK) this.#put(index, own)
      return status
    }
    this.$status('insert', attempt, this.length + 1)
  }

  append(list: Iterable<Uint8Array>): number {
    const given = listOf('values', list)
    for (let i = 0; i < given.length; i++) this.#checkElement(`values[${i}]`, given[i])
    const all = given.map(copyOf)
    return this.$extend(
      'append',
      () => all.length,
      (index) => {
        for (const [i, value] of all.entries()) this.#put(index + i, value)
      },
    )
  }

  fill(value: Uint8Array, from = 0, to: number = this.length): void {
    this.$span(from, to)
    this.#checkElement('value', value)
    this.$writable()
    for (let index = from; index < to; index++) this.#put(index, value)
  }

  /** The first element with the same bytes. */
  indexOf(value: Uint8Array, from = 0): number {
    const { length } = this
    checkRange('from', from, 0, length)
    this.#checkElement('value', value)
    for (let index = from; index < length; index++) {
      if (this.get(index).every((byte, i) => byte === value[i])) return index
    }
    return -1
  }

  /** As plain data: lists of bytes. */
  override toJSON(): unknown {
    return this.toArray().map((bytes) => [...bytes])
  }

  #put(index: number, value: Uint8Array): void {
    this.$holder.space.attachedViews().u8.set(value, this.$store + index * this.elementBytes)
  }

  #checkElement(argument: string, value: unknown): void {
    if (value instanceof Uint8Array && typedLength(value) === this.elementBytes) return
    const given = value instanceof Uint8Array ? `${typedLength(value)} bytes` : value
    throw new ArgumentError(argument, given, `a Uint8Array of ${this.elementBytes} bytes`)
  }
}

/** What lies in the heap may move, and a buffer may be made shorter, when there is to be room for it. */
function copyOf(value: Uint8Array): Uint8Array {
  return new Uint8Array(value)
}
