/** An array of fixed capacity in linear memory, see `kernel/bits/array.ts`. */
import {
  ARRAY_CAPACITY_AT,
  ARRAY_HEADER_BYTES,
  ARRAY_ITEM_BYTES_AT,
  ARRAY_LENGTH_AT,
} from '../../kernel/bits/layout.js'
import { checkOptions } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import type { Address } from '../types.js'
import { type Codec, codecOf, type ItemKind, type ItemOf } from './items.js'
import { currentBits } from './kernel.js'
import { at, type BlockSource, checkedCount, type Found, type Place, Structure, take, U32_MAX } from './structure.js'

export interface FixedArrayOptions<K extends ItemKind> {
  /** Most items it can hold. */
  readonly capacity: number
  /** A number type such as `'u32'`, or the bytes of one item. */
  readonly item: K
}

/** Up to `capacity` items of equal size, in order. What can fail for lack of room answers false. */
export class FixedArray<K extends ItemKind> extends Structure {
  readonly #codec: Codec<ItemOf<K>>

  /** Bytes that an array takes. @throws ArgumentError when they do not fit 32 bits */
  static bytesFor({ capacity, item }: FixedArrayOptions<ItemKind>): number {
    const itemBytes = codecOf(item).bytes
    return ARRAY_HEADER_BYTES + checkedCount('capacity', capacity, capacityMax(itemBytes)) * itemBytes
  }

  /** A new empty array. */
  static create<K extends ItemKind>(where: BlockSource | Place, options: FixedArrayOptions<K>): FixedArray<K> {
    checkOptions('options', options, ['capacity', 'item'])
    const found = take(where, FixedArray.bytesFor(options))
    currentBits(found.memory).arrayInit(found.address, options.capacity, codecOf(options.item).bytes)
    return new FixedArray(found, options.item)
  }

  /** The array that stands there already, which must be one of such items. */
  static attach<K extends ItemKind>(place: Place, item: K): FixedArray<K> {
    const array = new FixedArray(at(place, ARRAY_HEADER_BYTES), item)
    const itemBytes = array.#codec.bytes
    if (
      array.word(ARRAY_ITEM_BYTES_AT) !== itemBytes ||
      array.length > array.capacity ||
      array.capacity > capacityMax(itemBytes)
    )
      throw new ArgumentError('address', place.address, `the address of an array with items of ${itemBytes} bytes`)
    at(place, FixedArray.bytesFor({ capacity: array.capacity, item }))
    return array
  }

  private constructor(found: Found, item: K) {
    super('the array', found)
    this.#codec = codecOf(item)
  }

  get length(): number {
    return this.word(ARRAY_LENGTH_AT)
  }

  get capacity(): number {
    return this.word(ARRAY_CAPACITY_AT)
  }

  get(index: number): ItemOf<K> {
    return this.#codec.read(this.view, this.addressOf(index))
  }

  set(index: number, value: ItemOf<K>): void {
    const item = this.addressOf(index)
    this.#codec.check(value)
    this.#codec.write(this.writable(item, this.#codec.bytes), item, value)
  }

  /** Where an item stands, until the next insert or remove. */
  addressOf(index: number): Address {
    return (this.kernel.arrayAt(this.address, this.#index(index)) >>> 0) as Address
  }

  /** Adds an item at the end; false when there is no room. */
  push(value: ItemOf<K>): boolean {
    this.#codec.check(value)
    return this.#fill(this.kernel.arrayPush(this.address), value)
  }

  /** Removes the last item and gives it; undefined when there is none. */
  pop(): ItemOf<K> | undefined {
    const item = this.kernel.arrayPop(this.address) >>> 0
    return item === 0 ? undefined : this.#codec.read(this.view, item)
  }

  /** Puts an item at `index`, at most `length`; those from there on move up. False when there is no room. */
  insert(index: number, value: ItemOf<K>): boolean {
    checkedCount('index', index, this.length)
    this.#codec.check(value)
    return this.#fill(this.kernel.arrayInsert(this.address, index), value)
  }

  /** Removes an item and gives it; those behind it move down. */
  remove(index: number): ItemOf<K> {
    const value = this.get(index)
    this.kernel.arrayRemove(this.address, index)
    return value
  }

  /** Removes an item and gives it; the last one takes its place. Constant time, order lost. */
  swapRemove(index: number): ItemOf<K> {
    const value = this.get(index)
    this.kernel.arraySwapRemove(this.address, index)
    return value
  }

  clear(): void {
    this.kernel.arrayClear(this.address)
  }

  *[Symbol.iterator](): IterableIterator<ItemOf<K>> {
    for (let index = 0; index < this.length; index++) yield this.get(index)
  }

  #index(value: number): number {
    return checkedCount('index', value, this.length - 1)
  }

  #fill(slot: number, value: ItemOf<K>): boolean {
    if (slot !== 0) this.#codec.write(this.writable(slot >>> 0, this.#codec.bytes), slot >>> 0, value)
    return slot !== 0
  }
}

function capacityMax(itemBytes: number): number {
  return Math.floor((U32_MAX - ARRAY_HEADER_BYTES) / itemBytes)
}
