/** A ring buffer in linear memory, used from both ends, see `kernel/bits/ring.ts`. */
import {
  RING_CAPACITY_AT,
  RING_COUNT_AT,
  RING_HEAD_AT,
  RING_HEADER_BYTES,
  RING_ITEM_BYTES_AT,
} from '../../kernel/bits/layout.js'
import { checkOptions } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import type { Address } from '../types.js'
import { type Codec, codecOf, type ItemKind, type ItemOf } from './items.js'
import { currentBits } from './kernel.js'
import { at, type BlockSource, checkedCount, type Found, type Place, Structure, take, U32_MAX } from './structure.js'

export interface RingBufferOptions<K extends ItemKind> {
  /** Most items it can hold: any number, a power of two gains nothing. */
  readonly capacity: number
  /** A number type such as `'u32'`, or the bytes of one item. */
  readonly item: K
  /** A push to a full ring drops the item at the other end instead of answering false. Default false. */
  readonly overwrite?: boolean
}

/** Up to `capacity` items of equal size; both ends push and pop in constant time. */
export class RingBuffer<K extends ItemKind> extends Structure {
  readonly overwrite: boolean
  readonly #codec: Codec<ItemOf<K>>

  /** Bytes that a ring takes. @throws ArgumentError when they do not fit 32 bits */
  static bytesFor({ capacity, item }: RingBufferOptions<ItemKind>): number {
    const itemBytes = codecOf(item).bytes
    return RING_HEADER_BYTES + checkedCount('capacity', capacity, capacityMax(itemBytes)) * itemBytes
  }

  /** A new empty ring. */
  static create<K extends ItemKind>(where: BlockSource | Place, options: RingBufferOptions<K>): RingBuffer<K> {
    checkOptions('options', options, ['capacity', 'item', 'overwrite'])
    const found = take(where, RingBuffer.bytesFor(options))
    currentBits(found.memory).ringInit(found.address, options.capacity, codecOf(options.item).bytes)
    return new RingBuffer(found, options)
  }

  /** The ring that stands there already, which must be one of such items. */
  static attach<K extends ItemKind>(place: Place, options: Omit<RingBufferOptions<K>, 'capacity'>): RingBuffer<K> {
    checkOptions('options', options, ['item', 'overwrite'])
    const ring = new RingBuffer(at(place, RING_HEADER_BYTES), options)
    const itemBytes = ring.#codec.bytes
    const { capacity } = ring
    const isSound = ring.length <= capacity && ring.word(RING_HEAD_AT) < Math.max(capacity, 1)
    if (ring.word(RING_ITEM_BYTES_AT) !== itemBytes || capacity > capacityMax(itemBytes) || !isSound)
      throw new ArgumentError('address', place.address, `the address of a ring with items of ${itemBytes} bytes`)
    at(place, RingBuffer.bytesFor({ capacity, item: options.item }))
    return ring
  }

  private constructor(found: Found, { item, overwrite = false }: Omit<RingBufferOptions<K>, 'capacity'>) {
    super('the ring', found)
    this.overwrite = overwrite
    this.#codec = codecOf(item)
  }

  get length(): number {
    return this.word(RING_COUNT_AT)
  }

  get capacity(): number {
    return this.word(RING_CAPACITY_AT)
  }

  /** The item `index` places behind the first. */
  get(index: number): ItemOf<K> {
    return this.#codec.read(this.view, this.addressOf(index))
  }

  /** Where the item `index` places behind the first stands, until it is popped or overwritten. */
  addressOf(index: number): Address {
    checkedCount('index', index, this.length - 1)
    return (this.kernel.ringAt(this.address, index) >>> 0) as Address
  }

  /** Adds a last item. A full ring: false, or with `overwrite` the first item is dropped. */
  pushBack(value: ItemOf<K>): boolean {
    this.#codec.check(value)
    const { kernel, address } = this
    return this.#fill(this.overwrite ? kernel.ringPushBackOverwrite(address) : kernel.ringPushBack(address), value)
  }

  /** Adds a first item. A full ring: false, or with `overwrite` the last item is dropped. */
  pushFront(value: ItemOf<K>): boolean {
    this.#codec.check(value)
    const { kernel, address } = this
    return this.#fill(this.overwrite ? kernel.ringPushFrontOverwrite(address) : kernel.ringPushFront(address), value)
  }

  /** Removes the first item and gives it; undefined when there is none. */
  popFront(): ItemOf<K> | undefined {
    return this.#item(this.kernel.ringPopFront(this.address))
  }

  /** Removes the last item and gives it; undefined when there is none. */
  popBack(): ItemOf<K> | undefined {
    return this.#item(this.kernel.ringPopBack(this.address))
  }

  /** The first item; undefined when there is none. */
  peekFront(): ItemOf<K> | undefined {
    return this.#item(this.kernel.ringFront(this.address))
  }

  /** The last item; undefined when there is none. */
  peekBack(): ItemOf<K> | undefined {
    return this.#item(this.kernel.ringBack(this.address))
  }

  clear(): void {
    this.kernel.ringClear(this.address)
  }

  /** The items, first to last. */
  *[Symbol.iterator](): IterableIterator<ItemOf<K>> {
    for (let index = 0; index < this.length; index++) yield this.get(index)
  }

  #item(slot: number): ItemOf<K> | undefined {
    return slot === 0 ? undefined : this.#codec.read(this.view, slot >>> 0)
  }

  #fill(slot: number, value: ItemOf<K>): boolean {
    if (slot !== 0) this.#codec.write(this.writable(slot >>> 0, this.#codec.bytes), slot >>> 0, value)
    return slot !== 0
  }
}

function capacityMax(itemBytes: number): number {
  return Math.floor((U32_MAX - RING_HEADER_BYTES) / itemBytes)
}
