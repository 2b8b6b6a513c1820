/**
 * The parts of an object that hold several values: inline bytes and trailing arrays. What is given back when such a
 * field is read knows the object's view and asks it for the address at each access, so it stays right after moves and
 * growth, and is stale when the view is.
 */
import { OBJECT_HEADER_BYTES, OBJECT_IMMORTAL } from '../../kernel/object-layout.js'
import { ArgumentError } from '../errors.js'
import { typedLength } from '../typed-arrays.js'
import type { Value as AnyValue } from '../values/value.js'
import type { Views } from '../views.js'
import {
  arrayOf,
  fitsScalar,
  loadScalar,
  type RefKind,
  type ScalarArray,
  type ScalarKind,
  type ScalarName,
  scalarError,
  storeScalar,
  type WordKind,
} from './kinds.js'
import type { ObjectSpace } from './space.js'
import type { FieldInfo } from './struct.js'
import { checkRecord, checkValue, readList, readRecord } from './values.js'
import { ObjectView, protectionError } from './view.js'

/** Several values in a row inside an object. `Value` is what is read, `Input` what may be written. */
export abstract class Elements<Value = unknown, Input = Value> implements Iterable<Value> {
  /** @internal */
  protected readonly view: ObjectView
  /** @internal */
  protected readonly name: string
  readonly #offset: number
  readonly #elementBytes: number
  readonly #count: number | undefined

  /** `count` of a field of fixed length; a trailing array's is in the object's header. @internal */
  constructor(view: ObjectView, name: string, offset: number, elementBytes: number, count?: number) {
    this.view = view
    this.name = name
    this.#offset = offset
    this.#elementBytes = elementBytes
    this.#count = count
  }

  /** How many there are: fixed when the object was made. */
  get length(): number {
    const reference = this.view.reference
    if (this.#count !== undefined) return this.#count
    return (((this.views.u32[(reference - 4) >>> 2] as number) - this.#offset) / this.#elementBytes) >>> 0
  }

  /** The value at `index`. @throws ArgumentError when there is none */
  get(index: number): Value {
    const offset = this.offsetOf(index)
    return this.load(this.view.reference, offset)
  }

  /**
   * Set the value at `index`. @throws ArgumentError when there is none, or the value does not fit; nothing has changed
   */
  set(index: number, value: Input): void {
    const offset = this.offsetOf(index)
    const own = this.readOwn(value, index)
    this.check(own, index)
    this.writable()
    this.staged([own], ([ready]) => this.store(this.view.reference, offset, ready as Input))
  }

  /** Set the values from `from` up to, not including, `to`. */
  fill(value: Input, from = 0, to: number = this.length): void {
    const [first, end] = this.span(from, to)
    const own = this.readOwn(value)
    this.check(own, undefined, end - first)
    this.writable()
    this.staged([own], ([ready]) => {
      const { reference } = this.view
      for (let i = first; i < end; i++) this.store(reference, this.#offset + i * this.#elementBytes, ready as Input)
    })
  }

  /** Set as many values as `values` has, from `at` on. When one of them does not fit, none is set. */
  write(values: ArrayLike<Input>, at = 0): void {
    const own = readList('values', values, (value, i) => this.readOwn(value as Input, at + i)) as Input[]
    const { length } = own
    const [first] = this.span(at, at + length)
    for (let i = 0; i < length; i++) this.check(own[i], at + i, length)
    this.writable()
    this.staged(own, (ready) => {
      const { reference } = this.view
      for (let i = 0; i < length; i++) {
        this.store(reference, this.#offset + (first + i) * this.#elementBytes, ready[i] as Input)
      }
    })
  }

  *[Symbol.iterator](): IterableIterator<Value> {
    for (let index = 0; index < this.length; index++) yield this.get(index)
  }

  /** What would be written, without getters: from here on no code of the caller runs. @internal */
  protected readOwn(value: Input, _index?: number): Input {
    return value
  }

  /**
   * Have what was checked stored by `use`, which runs when nothing has to be allocated for it any more: what cannot be
   * had fails before anything is written. @internal
   */
  protected staged(values: Input[], use: (ready: Input[]) => void): void {
    use(values)
  }

  /** Check what would be written, and stored up to so many times. @internal */
  protected abstract check(value: unknown, index?: number, times?: number): void

  /** The name of an element in messages. @internal */
  protected nameOf(index: number | undefined): string {
    return index === undefined ? this.name : `${this.name}[${index}]`
  }

  /** @internal */
  protected abstract load(reference: number, offset: number): Value

  /** Store what has been checked. @internal */
  protected abstract store(reference: number, offset: number, value: Input): void

  /** @internal */
  protected get views(): Views {
    return ObjectView.holderOf(this.view).views
  }

  /** @internal */
  protected get space(): ObjectSpace {
    return ObjectView.holderOf(this.view).space
  }

  /** Where in the payload the element at `index` lies. @internal */
  protected offsetOf(index: number): number {
    const { length } = this
    if (typeof index === 'number' && index >>> 0 === index && index < length) {
      return this.#offset + index * this.#elementBytes
    }
    const expected = length === 0 ? `left out: '${this.name}' is empty` : `an integer from 0 to ${length - 1}`
    throw new ArgumentError('index', index, expected)
  }

  /** The object's reference, if it may be written to. @internal */
  protected writable(): number {
    const { reference } = this.view
    const flags = this.views.u32[(reference - OBJECT_HEADER_BYTES) >>> 2] as number
    if ((flags & OBJECT_IMMORTAL) !== 0) throw protectionError(reference)
    return reference
  }

  /** @internal */
  protected span(from: number, to: number): readonly [from: number, to: number] {
    const { length } = this
    if (!Number.isInteger(from) || from < 0 || from > length) {
      throw new ArgumentError('from', from, `an integer from 0 to ${length}`)
    }
    if (!Number.isInteger(to) || to < from || to > length) {
      throw new ArgumentError('to', to, `an integer from ${from} to ${length}, the number of elements`)
    }
    return [from, to]
  }
}

/** Numbers, bigints or booleans. */
export class ScalarElements<Value = unknown, Copy = ScalarArray> extends Elements<Value> {
  readonly #kind: ScalarName

  /** @internal */
  constructor(view: ObjectView, name: string, offset: number, bytes: number, kind: ScalarName, count?: number) {
    super(view, name, offset, bytes, count)
    this.#kind = kind
  }

  /** A copy as a typed array of the kind: a `Uint8Array` of bytes and booleans. */
  read(from = 0, to: number = this.length): Copy {
    const [first, end] = this.span(from, to)
    const [all, start] = this.#array()
    return all.slice(start + first, start + end) as Copy
  }

  /** Set the values from a typed array or a list; at once when it is of the kind's own type. */
  override write(values: ArrayLike<Value>, at = 0): void {
    const own = arrayOf(this.#kind, this.views)
    if (this.#kind === 'bool' || !ArrayBuffer.isView(values) || !(values instanceof own.constructor)) {
      super.write(values, at)
      return
    }
    const source = values as unknown as Views['u8']
    // What a class made of the typed array's says its length is does not count.
    this.span(at, at + typedLength(source))
    this.writable()
    const [all, start] = this.#array()
    all.set(source, start + at)
  }

  protected check(value: unknown, index?: number): void {
    if (!fitsScalar(this.#kind, value)) throw scalarError(this.#kind, this.nameOf(index), value)
  }

  protected load(reference: number, offset: number): Value {
    return loadScalar(this.#kind, this.views, reference + offset) as Value
  }

  protected store(reference: number, offset: number, value: Value): void {
    storeScalar(this.#kind, this.views, reference + offset, value)
  }

  /** The typed array of the whole memory, and where in it the values begin. */
  #array(): [all: Views['u8'], start: number] {
    const address = this.view.reference + (this.length === 0 ? 0 : this.offsetOf(0))
    const all = arrayOf(this.#kind, this.views) as Views['u8']
    return [all, address / all.BYTES_PER_ELEMENT]
  }
}

/** References. */
export class ReferenceElements<Value = unknown, Input = Value> extends Elements<Value, Input> {
  readonly #kind: RefKind

  /** @internal */
  constructor(view: ObjectView, name: string, offset: number, bytes: number, kind: RefKind) {
    super(view, name, offset, bytes)
    this.#kind = kind
  }

  protected check(value: unknown, index?: number, times = 1): void {
    this.space.checkReference(this.nameOf(index), value, this.#kind, times)
  }

  protected load(_reference: number, offset: number): Value {
    return this.space.loadReference(this.view, offset) as Value
  }

  protected store(reference: number, offset: number, value: Input): void {
    this.space.storeReference(reference, offset, this.space.checkReference(this.name, value, this.#kind))
  }
}

/** Any values. */
export class ValueElements extends Elements<AnyValue> {
  protected check(value: unknown, index?: number, times = 1): void {
    this.space.values.check(this.nameOf(index), value, times)
  }

  protected override staged(values: AnyValue[], use: (ready: AnyValue[]) => void): void {
    this.space.values.staged(values, use)
  }

  protected load(reference: number, offset: number): AnyValue {
    const { values } = this.space
    return values.load(this.space.wordAt(reference + offset), this.view, offset)
  }

  protected store(_reference: number, offset: number, value: AnyValue): void {
    this.space.values.store(this.view, offset, this.name, value)
  }
}

/** Records. What `get` gives is live: its fields read and write the element. */
export class RecordElements<Value = unknown, Input = Value> extends Elements<Value, Input> {
  readonly #fields: readonly FieldInfo[]

  /** @internal */
  constructor(view: ObjectView, name: string, offset: number, bytes: number, fields: readonly FieldInfo[]) {
    super(view, name, offset, bytes)
    this.#fields = fields
  }

  protected override readOwn(value: Input, index?: number): Input {
    return readRecord(this.#fields, this.nameOf(index), value) as Input
  }

  protected check(value: unknown, index?: number, times = 1): void {
    checkRecord(this.space, this.#fields, this.nameOf(index), value, times)
  }

  /** Their fields that hold any value. */
  protected override staged(records: Input[], use: (ready: Input[]) => void): void {
    const names = this.#fields.filter(({ kind }) => kind.kind === 'value').map(({ name }) => name)
    if (names.length === 0) {
      use(records)
      return
    }
    const own = records as Record<string, AnyValue>[]
    const values = own.flatMap((record) => names.map((name) => record[name]))
    this.space.values.staged(values, (ready) => {
      const filled = own.map((record, i) => ({
        ...record,
        ...Object.fromEntries(
          names.flatMap((name, n) => (Object.hasOwn(record, name) ? [[name, ready[i * names.length + n]]] : [])),
        ),
      }))
      use(filled as Input[])
    })
  }

  protected load(_reference: number, offset: number): Value {
    return new (elementClassOf(this.#fields))(this, offset) as Value
  }

  /** Set the fields that `value` names; the others stay. */
  protected store(reference: number, offset: number, value: Input): void {
    for (const field of this.#fields) {
      const given = (value as Record<string, unknown>)[field.name]
      // Of the values undefined is one.
      const isGiven = given !== undefined || (field.kind.kind === 'value' && Object.hasOwn(value as object, field.name))
      if (isGiven) this.#storeField(reference, offset, field, given)
    }
  }

  /** @internal */
  loadField(offset: number, { kind, offset: within }: FieldInfo): unknown {
    const { reference } = this.view
    if (kind.kind === 'ref') return this.space.loadReference(this.view, offset + within)
    if (kind.kind === 'value') {
      return this.space.values.load(this.space.wordAt(reference + offset + within), this.view, offset + within)
    }
    return loadScalar((kind as ScalarKind).kind, this.views, reference + offset + within)
  }

  /** @internal */
  setField(offset: number, field: FieldInfo, value: unknown): void {
    checkValue(this.space, field.kind as ScalarKind | WordKind, `${this.name}[].${field.name}`, value)
    this.#storeField(this.writable(), offset, field, value)
  }

  #storeField(reference: number, offset: number, { kind, name, offset: within }: FieldInfo, value: unknown): void {
    if (kind.kind === 'value') {
      this.space.values.store(this.view, offset + within, name, value)
      return
    }
    if (kind.kind !== 'ref') {
      storeScalar((kind as ScalarKind).kind, this.views, reference + offset + within, value)
      return
    }
    this.space.storeReference(reference, offset + within, this.space.checkReference(name, value, kind))
  }
}

/** One element of a record array; its fields are on the prototype of the array's own class of elements. */
class RecordElement {
  readonly #elements: RecordElements
  readonly #offset: number

  constructor(elements: RecordElements, offset: number) {
    this.#elements = elements
    this.#offset = offset
  }

  static accessors(field: FieldInfo): PropertyDescriptor & ThisType<RecordElement> {
    return {
      enumerable: true,
      get() {
        return this.#elements.loadField(this.#offset, field)
      },
      set(value: unknown) {
        this.#elements.setField(this.#offset, field, value)
      },
    }
  }
}

const elementClasses = new WeakMap<readonly FieldInfo[], typeof RecordElement>()

/** The class of the elements of a record array, by its list of fields. */
function elementClassOf(fields: readonly FieldInfo[]): typeof RecordElement {
  let made = elementClasses.get(fields)
  if (made) return made
  made = class extends RecordElement {}
  for (const field of fields) Object.defineProperty(made.prototype, field.name, RecordElement.accessors(field))
  elementClasses.set(fields, made)
  return made
}
