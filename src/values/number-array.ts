/** Arrays of numbers and of 64-bit integers: elements as typed arrays have them. */
import { STATUS_OK } from '../../kernel/layout.js'
import { OBJECT_HEADER_BYTES, OBJECT_IMMORTAL } from '../../kernel/object-layout.js'
import { ARRAY_LENGTH_AT } from '../../kernel/value-layout.js'
import { checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import type { Holder } from '../objects/holder.js'
import { arrayOf, fitsScalar, loadScalar, type ScalarName, scalarError, storeScalar } from '../objects/kinds.js'
import { typedBuffer, typedLength } from '../typed-arrays.js'
import { type BigintArrayKind, HeapArray, KIND_NUMBERS, kindAt, listOf, type NumberArrayKind } from './heap-array.js'

const LENGTH_WORD = ARRAY_LENGTH_AT >>> 2
const HEADER_WORDS = OBJECT_HEADER_BYTES >>> 2

/** The typed array of JavaScript with elements of a kind. */
export interface TypedArrayOf {
  readonly i8: Int8Array
  readonly u8: Uint8Array
  readonly i16: Int16Array
  readonly u16: Uint16Array
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly i64: BigInt64Array
  readonly u64: BigUint64Array
  readonly f32: Float32Array
  readonly f64: Float64Array
}

type ScalarArrayKind = NumberArrayKind | BigintArrayKind
type ElementOf<Kind extends ScalarArrayKind> = Kind extends BigintArrayKind ? bigint : number
/** What all typed arrays have. */
type AnyTyped = TypedArrayOf['u8']

const NAMES = new Map(Object.entries(KIND_NUMBERS).map(([name, number]) => [number, name as ScalarArrayKind]))
/** log2 of an element's bytes. */
const SHIFTS: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 2, 8: 3 }

/** An array of numbers, or of bigints for `i64` and `u64`. What does not fit is refused, never cut; `f32` rounds. */
export class NumberArray<Kind extends ScalarArrayKind = ScalarArrayKind> extends HeapArray<ElementOf<Kind>> {
  readonly #kind: Kind
  readonly #shift: number

  /** @internal */
  constructor(holder: Holder, slot: number) {
    super(holder, slot)
    const { kind, bytes } = kindAt(this)
    this.#kind = NAMES.get(kind) as Kind
    this.#shift = SHIFTS[bytes] as number
  }

  get kind(): Kind {
    return this.#kind
  }

  get(index: number): ElementOf<Kind> {
    const { views } = this.$holder
    const at = (views.u32[this.$slot] || this.reference) >>> 2
    const isThere = index >>> 0 === index && index < (views.u32[at + LENGTH_WORD] as number)
    if (!isThere) return this.#getSlow(index)
    return loadScalar(this.#kind, views, (views.u32[at] as number) + (index << this.#shift)) as ElementOf<Kind>
  }

  set(index: number, value: ElementOf<Kind>): void {
    const { views } = this.$holder
    const at = (views.u32[this.$slot] || this.reference) >>> 2
    this.#checkValue('value', value)
    const isThere = index >>> 0 === index && index < (views.u32[at + LENGTH_WORD] as number)
    if (isThere && ((views.u32[at - HEADER_WORDS] as number) & OBJECT_IMMORTAL) === 0) {
      storeScalar(this.#kind, views, (views.u32[at] as number) + (index << this.#shift), value)
      return
    }
    this.$check(index)
    this.$writable()
    storeScalar(this.#kind, this.$holder.views, this.$store + (index << this.#shift), value)
  }

  push(value: ElementOf<Kind>): number {
    const { views } = this.$holder
    const at = (views.u32[this.$slot] || this.reference) >>> 2
    this.#checkValue('value', value)
    const store = views.u32[at] as number
    if (store > 0 && ((views.u32[at - HEADER_WORDS] as number) & OBJECT_IMMORTAL) === 0) {
      const length = views.u32[at + LENGTH_WORD] as number
      if (length < (views.u32[(store >>> 2) - 1] as number) >>> this.#shift) {
        storeScalar(this.#kind, views, store + (length << this.#shift), value)
        views.u32[at + LENGTH_WORD] = length + 1
        return length + 1
      }
    }
    return this.#pushSlow(value)
  }

  #pushSlow(value: ElementOf<Kind>): number {
    return this.$extend(
      'push',
      () => 1,
      (index) => this.#put(index, value),
    )
  }

  pop(): ElementOf<Kind> | undefined {
    const { length } = this
    this.$writable()
    if (length === 0) return undefined
    const value = this.get(length - 1)
    this.$setLength(length - 1)
    return value
  }

  /** @internal */
  $insert(index: number, value: ElementOf<Kind>): void {
    this.#checkValue('value', value)
    const attempt = () => {
      const status = this.$values.kernel.arrayInsert(this.reference, index, 1)
      if (status === STATUS_OK) this.#put(index, value)
      return status
    }
    this.$status('insert', attempt, this.length + 1)
  }

  /** A typed array of the same kind, or an array of the heap of it, is copied at once. */
  append(list: Iterable<ElementOf<Kind>>): number {
    const typed = this.#typed(list)
    // What lies in the heap may move when there is to be room for it.
    const isOwn = typed !== undefined && typedBuffer(typed) === this.$holder.space.core.memory.buffer
    const source = (isOwn ? this.#copyOf(typed) : typed) ?? this.#collect(list)
    return this.$extend(
      'append',
      () => typedLength(source),
      (index) => this.#all().set(source, this.#first() + index),
    )
  }

  fill(value: ElementOf<Kind>, from = 0, to: number = this.length): void {
    this.$span(from, to)
    this.#checkValue('value', value)
    this.$writable()
    this.#all().fill(value as number, this.#first() + from, this.#first() + to)
  }

  /** NaN is the same as itself, 0 as -0. */
  indexOf(value: ElementOf<Kind>, from = 0): number {
    checkRange('from', from, 0, this.length)
    const elements = this.#elements()
    if (!Number.isNaN(value)) return elements.indexOf(value as number, from)
    const rest = elements.subarray(from).findIndex(Number.isNaN)
    return rest < 0 ? -1 : rest + from
  }

  /** The elements as a typed array of the kind, copied. */
  toTypedArray(from = 0, to: number = this.length): TypedArrayOf[Kind] {
    this.$span(from, to)
    return this.#all().slice(this.#first() + from, this.#first() + to) as unknown as TypedArrayOf[Kind]
  }

  /** Copy the elements from `from` on to a typed array of the kind, as many as it has room for; how many that were. */
  copyTo(target: TypedArrayOf[Kind], from = 0): number {
    const { length } = this
    checkRange('from', from, 0, length)
    const typed = this.#typed(target)
    if (!typed) throw new ArgumentError('target', target, `a typed array of ${this.#kind}`)
    const count = Math.min(typedLength(typed), length - from)
    typed.set(this.#all().subarray(this.#first() + from, this.#first() + from + count))
    return count
  }

  /**
   * The elements where they lie, as a typed array: reading and writing it is reading and writing the array. Good until
   * the next call that may allocate, in whatever heap of this memory, for the elements may lie elsewhere then.
   *
   * @throws ProtectionError when the array is immortal
   */
  view(): TypedArrayOf[Kind] {
    this.$writable()
    return this.#elements() as unknown as TypedArrayOf[Kind]
  }

  override toArray(): ElementOf<Kind>[] {
    return [...(this.toTypedArray() as unknown as Iterable<ElementOf<Kind>>)]
  }

  /** As plain data: 64-bit integers as text. */
  override toJSON(): unknown {
    return this.toArray().map((value) => (typeof value === 'bigint' ? String(value) : value))
  }

  #getSlow(index: number): ElementOf<Kind> {
    this.$check(index)
    return loadScalar(this.#kind, this.$holder.views, this.$store + (index << this.#shift)) as ElementOf<Kind>
  }

  #put(index: number, value: ElementOf<Kind>): void {
    const at = this.$store + (index << this.#shift)
    storeScalar(this.#kind, this.$holder.space.attachedViews(), at, value)
  }

  #checkValue(argument: string, value: unknown): void {
    if (!fitsScalar(this.#kind as ScalarName, value)) throw scalarError(this.#kind, argument, value)
  }

  /** The elements where they lie. */
  #elements(): AnyTyped {
    return this.#all().subarray(this.#first(), this.#first() + this.length)
  }

  /** The whole memory, as elements of the kind. */
  #all(): AnyTyped {
    return arrayOf(this.#kind, this.$holder.space.attachedViews()) as AnyTyped
  }

  /** Where in it the elements begin. */
  #first(): number {
    return this.$store >>> this.#shift
  }

  /** The elements of something that has them as this array does. */
  #typed(list: unknown): AnyTyped | undefined {
    if (list instanceof NumberArray) return list.kind === this.#kind ? (list.toTypedArray() as AnyTyped) : undefined
    const own = arrayOf(this.#kind, this.$holder.views).constructor as typeof Uint8Array
    if (!(ArrayBuffer.isView(list) && list instanceof own)) return undefined
    return list
  }

  /** Without the getters and the species of a class made of the typed array's. */
  #copyOf(typed: AnyTyped): AnyTyped {
    const own = arrayOf(this.#kind, this.$holder.views).constructor as new (from: AnyTyped) => AnyTyped
    return new own(typed)
  }

  /** The values of something else, each checked. */
  #collect(list: Iterable<ElementOf<Kind>>): AnyTyped {
    const all = listOf('values', list)
    for (let i = 0; i < all.length; i++) this.#checkValue(`values[${i}]`, all[i])
    const own = arrayOf(this.#kind, this.$holder.views).constructor as unknown as { from(all: unknown[]): AnyTyped }
    return own.from(all)
  }
}
