/** A bitmap in linear memory, see `kernel/bits/bitmap.ts`. */
import { BITMAP_BITS_MAX, BITMAP_HEADER_BYTES, NO_BIT } from '../../kernel/bits/layout.js'
import { ArgumentError } from '../errors.js'
import { currentBits } from './kernel.js'
import { at, type BlockSource, checkedCount, type Place, Structure, take, U32_MAX } from './structure.js'

/** A fixed number of bits, at first all clear. Searches answer -1 when there is no such bit. */
export class Bitmap extends Structure {
  /** Bytes that a bitmap of `bits` takes. */
  static bytesFor(bits: number): number {
    return BITMAP_HEADER_BYTES + Math.ceil(checkedCount('bits', bits, BITMAP_BITS_MAX) / 64) * 8
  }

  /** A new bitmap of `bits` clear bits. */
  static create(where: BlockSource | Place, bits: number): Bitmap {
    const found = take(where, Bitmap.bytesFor(bits))
    currentBits(found.memory).bitmapInit(found.address, bits)
    return new Bitmap('the bitmap', found)
  }

  /** The bitmap that stands there already. */
  static attach(place: Place): Bitmap {
    const bitmap = new Bitmap('the bitmap', at(place, BITMAP_HEADER_BYTES))
    if (bitmap.bits > BITMAP_BITS_MAX) throw new ArgumentError('address', place.address, 'the address of a bitmap')
    at(place, Bitmap.bytesFor(bitmap.bits))
    return bitmap
  }

  get bits(): number {
    return this.kernel.bitmapBits(this.address) >>> 0
  }

  get(position: number): boolean {
    return this.kernel.bitmapGet(this.address, this.#position(position)) === 1
  }

  set(position: number): void {
    this.kernel.bitmapSet(this.address, this.#position(position))
  }

  clear(position: number): void {
    this.kernel.bitmapClear(this.address, this.#position(position))
  }

  flip(position: number): void {
    this.kernel.bitmapFlip(this.address, this.#position(position))
  }

  setRange(from: number, length: number): void {
    this.#range(from, length)
    this.kernel.bitmapSetRange(this.address, from, length)
  }

  clearRange(from: number, length: number): void {
    this.#range(from, length)
    this.kernel.bitmapClearRange(this.address, from, length)
  }

  flipRange(from: number, length: number): void {
    this.#range(from, length)
    this.kernel.bitmapFlipRange(this.address, from, length)
  }

  /** Set bits in the range; without arguments in the whole bitmap, without `length` up to its end. */
  count(from = 0, length = this.bits - from): number {
    this.#range(from, length)
    return this.kernel.bitmapCount(this.address, from, length) >>> 0
  }

  /** Whether a bit is set. */
  any(): boolean {
    return this.kernel.bitmapAny(this.address) === 1
  }

  /** Whether no bit is set. */
  none(): boolean {
    return !this.any()
  }

  /** Whether every bit is set; true for a bitmap of no bits. */
  all(): boolean {
    return this.kernel.bitmapAll(this.address) === 1
  }

  /** First set bit at or above `from`, or -1. */
  findSet(from = 0): number {
    checkedCount('from', from, U32_MAX)
    return orMinusOne(this.kernel.bitmapFindSet(this.address, from))
  }

  /** First clear bit at or above `from`, or -1. */
  findClear(from = 0): number {
    checkedCount('from', from, U32_MAX)
    return orMinusOne(this.kernel.bitmapFindClear(this.address, from))
  }

  /** Start of the first `length` clear bits in a row at or above `from`, or -1. A run of 0 bits is found at `from`. */
  findClearRun(length: number, from = 0): number {
    checkedCount('length', length, U32_MAX)
    checkedCount('from', from, U32_MAX)
    return orMinusOne(this.kernel.bitmapFindClearRun(this.address, from, length))
  }

  /**
   * The positions of the set bits, ascending. Bits may change meanwhile: those ahead count as they are when reached.
   */
  *positions(): IterableIterator<number> {
    for (let found = this.findSet(); found >= 0; found = this.findSet(found + 1)) yield found
  }

  #position(value: number): number {
    return checkedCount('position', value, this.bits - 1)
  }

  #range(from: number, length: number): void {
    const { bits } = this
    checkedCount('from', from, bits)
    checkedCount('length', length, bits - from)
  }
}

function orMinusOne(position: number): number {
  const unsigned = position >>> 0
  return unsigned === NO_BIT ? -1 : unsigned
}
