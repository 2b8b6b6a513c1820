/**
 * Views: objects of the heap as JavaScript sees them. A view holds the place of a handle slot and reads the object's
 * address from there at each access, so it is right after every collection, whatever moved.
 *
 * Each struct has a class of its own, with a getter and a setter for each field on its prototype, made when the struct
 * is first used. A field read is three loads: the slot's reference, the typed array, the value. What can go wrong
 * (detached arrays, a closed scope) shows as `undefined` or 0 in place of the reference, and is dealt with out of line.
 */
import { OBJECT_HEADER_BYTES, OBJECT_IMMORTAL } from '../../kernel/object-layout.js'
import { ArgumentError, hex, ProtectionError } from '../errors.js'
import { Elements, RecordElements, ReferenceElements, ScalarElements, ValueElements } from './elements.js'
import type { Holder } from './holder.js'
import { type ArrayKind, isKind, isWordKind, type RefKind, type ScalarName, scalarError } from './kinds.js'
import type { FieldInfo, Struct } from './struct.js'
import type { View } from './types.js'

/** Makes a view over a handle slot, given by its word index. */
export interface ViewClass {
  new (holder: Holder, slot: number): ObjectView
}

type Accessors = { get(this: ObjectView): unknown; set?(this: ObjectView, value: never): void }

/** An object of the heap, of a type that need not be known. The views of a struct have its fields beside. */
export class ObjectView {
  /** @internal */
  $holder: Holder
  /** Word index of the handle slot. @internal */
  $slot: number

  /** @internal */
  constructor(holder: Holder, slot: number) {
    this.$holder = holder
    this.$slot = slot
  }

  /**
   * Where the object is now: the address of its payload. Good until the next call that may allocate.
   *
   * @throws StaleHandleError when the scope or root that held the object is gone, or the heap was reset or closed
   */
  get reference(): number {
    return this.$holder.views.u32[this.$slot] || ObjectView.#again(this)
  }

  /**
   * The struct of the object; undefined when this heap's types came from elsewhere and the struct was never used here.
   */
  get struct(): Struct | undefined {
    return this.$holder.space.structAt(this.reference)
  }

  /** Whether the object is of this struct. */
  is<S extends Struct>(struct: S): this is View<S> {
    return this.struct === (struct as Struct)
  }

  /** The fields as plain data: references as numbers, 64-bit integers as text, bytes and arrays as arrays. */
  toJSON(): unknown {
    const { struct } = this
    if (!struct) return { reference: this.reference }
    return Object.fromEntries(struct.fields.map((field) => [field.name, plainValue(this, struct, field)]))
  }

  /** `Node@0x12348` */
  toString(): string {
    return `${this.struct?.name ?? 'object'}@${hex(this.reference)}`
  }

  /** What Node's console prints. */
  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return this.$holder.isOpen ? { [this.toString()]: this.toJSON() } : 'a view that is stale'
  }

  /** The reference when the short way found none: views bound anew after growth, or the error. */
  static #again(view: ObjectView): number {
    return view.$holder.reference(view.$slot)
  }

  /** Refuse a write: the value does not fit, or the object is immortal. */
  static #refuse(view: ObjectView, kind: ScalarName, name: string, value: unknown, fits: boolean): never {
    if (!fits) throw scalarError(kind, name, value)
    throw protectionError(view.reference)
  }

  /** @internal */
  static holderOf(view: ObjectView): Holder {
    return view.$holder
  }

  /** Word index of the handle slot. @internal */
  static slotOf(view: ObjectView): number {
    return view.$slot
  }

  /** Let the view stand on another slot, of another holder. @internal */
  static rebind(view: ObjectView, holder: Holder, slot: number): void {
    view.$holder = holder
    view.$slot = slot
  }

  /** Whether a value is a view of any heap. @internal */
  static isView(value: unknown): value is ObjectView {
    return typeof value === 'object' && value !== null && value instanceof ObjectView
  }

  // ---- accessors: one literal pair for each kind, so that each has the engine's attention alone --------------------

  /** @internal */
  static i8(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.i8[reference + offset]
      },
      set(value: number) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'number' && (value << 24) >> 24 === value
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'i8', name, value, fits)
        views.i8[reference + offset] = value
      },
    }
  }

  /** @internal */
  static u8(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.u8[reference + offset]
      },
      set(value: number) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'number' && (value & 0xff) === value
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'u8', name, value, fits)
        views.u8[reference + offset] = value
      },
    }
  }

  /** @internal */
  static i16(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.i16[(reference + offset) >>> 1]
      },
      set(value: number) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'number' && (value << 16) >> 16 === value
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'i16', name, value, fits)
        views.i16[(reference + offset) >>> 1] = value
      },
    }
  }

  /** @internal */
  static u16(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.u16[(reference + offset) >>> 1]
      },
      set(value: number) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'number' && (value & 0xffff) === value
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'u16', name, value, fits)
        views.u16[(reference + offset) >>> 1] = value
      },
    }
  }

  /** @internal */
  static i32(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.i32[(reference + offset) >>> 2]
      },
      set(value: number) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'number' && (value | 0) === value
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'i32', name, value, fits)
        views.i32[(reference + offset) >>> 2] = value
      },
    }
  }

  /** @internal */
  static u32(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.u32[(reference + offset) >>> 2]
      },
      set(value: number) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'number' && value >>> 0 === value
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'u32', name, value, fits)
        views.u32[(reference + offset) >>> 2] = value
      },
    }
  }

  /** @internal */
  static i64(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.i64[(reference + offset) >>> 3]
      },
      set(value: bigint) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'bigint' && BigInt.asIntN(64, value) === value
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'i64', name, value, fits)
        views.i64[(reference + offset) >>> 3] = value
      },
    }
  }

  /** @internal */
  static u64(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.u64[(reference + offset) >>> 3]
      },
      set(value: bigint) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'bigint' && BigInt.asUintN(64, value) === value
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'u64', name, value, fits)
        views.u64[(reference + offset) >>> 3] = value
      },
    }
  }

  /** @internal */
  static f32(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.f32[(reference + offset) >>> 2]
      },
      set(value: number) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'number'
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'f32', name, value, fits)
        views.f32[(reference + offset) >>> 2] = value
      },
    }
  }

  /** @internal */
  static f64(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.f64[(reference + offset) >>> 3]
      },
      set(value: number) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'number'
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'f64', name, value, fits)
        views.f64[(reference + offset) >>> 3] = value
      },
    }
  }

  /** @internal */
  static bool(offset: number, name: string): Accessors {
    return {
      get() {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        return views.u8[reference + offset] !== 0
      },
      set(value: boolean) {
        const views = this.$holder.views
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const fits = typeof value === 'boolean'
        if (!fits || isImmortal(views.u32, reference)) ObjectView.#refuse(this, 'bool', name, value, fits)
        views.u8[reference + offset] = value ? 1 : 0
      },
    }
  }

  /** @internal */
  static ref(offset: number, name: string, kind: RefKind): Accessors {
    return {
      get() {
        const { views, space } = this.$holder
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const target = views.u32[(reference + offset) >>> 2] as number
        return target === 0 ? null : space.pushView(target, this, offset)
      },
      set(value: unknown) {
        const { space } = this.$holder
        const reference = this.reference
        const target = space.checkReference(name, value, kind, 1)
        if (isImmortal(this.$holder.views.u32, reference)) throw protectionError(reference)
        space.storeReference(reference, offset, target)
      },
    }
  }

  /** @internal */
  static value(offset: number, name: string): Accessors {
    return {
      get() {
        const { views, space } = this.$holder
        const reference = views.u32[this.$slot] || ObjectView.#again(this)
        const word = views.u32[(reference + offset) >>> 2] as number
        // A small integer, which most are.
        return (word & 1) !== 0 ? word >> 1 : space.values.load(word, this, offset)
      },
      set(value: unknown) {
        const { reference } = this
        if (isImmortal(this.$holder.views.u32, reference)) throw protectionError(reference)
        this.$holder.space.values.store(this, offset, name, value)
      },
    }
  }
}

/** A field's value, without a handle for what it refers to. */
function plainValue(view: ObjectView, struct: Struct, { kind, name, offset }: FieldInfo): unknown {
  const { space } = view.$holder
  if (kind.kind === 'ref') return space.wordAt(view.reference + offset) || null
  if (kind.kind === 'value') return space.values.plain(space.wordAt(view.reference + offset))
  if (kind.kind === 'array' && isWordElements(kind)) {
    const { length } = elementsOf(view, struct, { kind, name, offset, bytes: 4 })
    const words = Array.from({ length }, (_, i) => space.wordAt(view.reference + offset + 4 * i))
    const isRef = (kind.element as { kind: string }).kind === 'ref'
    return words.map((word) => (isRef ? word || null : space.values.plain(word)))
  }
  const value = (view as unknown as Record<string, unknown>)[name]
  if (value instanceof RecordElements) return `${value.length} records`
  if (value instanceof Elements) return [...value].map(plainScalar)
  return plainScalar(value)
}

function plainScalar(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function isWordElements({ element }: ArrayKind): boolean {
  return isKind(element) && isWordKind(element)
}

export function isImmortal(u32: Uint32Array, reference: number): boolean {
  return ((u32[(reference - OBJECT_HEADER_BYTES) >>> 2] as number) & OBJECT_IMMORTAL) !== 0
}

/** The error for a write to an immortal object. */
export function protectionError(reference: number): ProtectionError {
  return new ProtectionError(`the object at ${hex(reference)} is immortal: it cannot be written to`, reference)
}

// ---- the class of a struct ------------------------------------------------------------------------------------------

const viewClasses = new WeakMap<Struct, ViewClass>()

/** The class of a struct's views: one for all heaps. */
export function viewClassOf(struct: Struct): ViewClass {
  let made = viewClasses.get(struct)
  if (!made) {
    made = makeViewClass(struct)
    viewClasses.set(struct, made)
  }
  return made
}

/** Sets the two fields of a view. Old-style functions: what a class does before its constructor takes longer. */
type Constructor = (this: { $holder: Holder; $slot: number }, holder: Holder, slot: number) => void

/**
 * Each makes a constructor. They are the same, in several places: an engine that sees one place make objects of more
 * than four classes stops to look and takes four times as long. So the structs of a program share these out.
 * (`bench/experiments/object-fields.mjs`, with 1 and with 20 structs.)
 */
const CONSTRUCTORS: readonly (() => Constructor)[] = [
  () =>
    function (holder, slot) {
      this.$holder = holder
      this.$slot = slot
    },
  () =>
    function (holder, slot) {
      this.$holder = holder
      this.$slot = slot
    },
  () =>
    function (holder, slot) {
      this.$holder = holder
      this.$slot = slot
    },
  () =>
    function (holder, slot) {
      this.$holder = holder
      this.$slot = slot
    },
  () =>
    function (holder, slot) {
      this.$holder = holder
      this.$slot = slot
    },
  () =>
    function (holder, slot) {
      this.$holder = holder
      this.$slot = slot
    },
  () =>
    function (holder, slot) {
      this.$holder = holder
      this.$slot = slot
    },
  () =>
    function (holder, slot) {
      this.$holder = holder
      this.$slot = slot
    },
]
let classesMade = 0

function makeViewClass(struct: Struct): ViewClass {
  const make = CONSTRUCTORS[classesMade++ % CONSTRUCTORS.length] as () => Constructor
  const made = make() as unknown as ViewClass & { prototype: ObjectView }
  made.prototype = Object.create(ObjectView.prototype, { constructor: { value: made, configurable: true } })
  Object.defineProperty(made, 'name', { value: struct.name })
  for (const field of struct.fields) {
    Object.defineProperty(made.prototype, field.name, {
      ...(accessorsOf(struct, field) as PropertyDescriptor),
      enumerable: true,
    })
  }
  return made
}

function accessorsOf(struct: Struct, field: FieldInfo): Accessors {
  const { kind, offset, name } = field
  if (kind.kind === 'ref') return ObjectView.ref(offset, name, kind)
  if (kind.kind === 'value') return ObjectView.value(offset, name)
  if (kind.kind !== 'bytes' && kind.kind !== 'array') return ObjectView[kind.kind](offset, name)
  return {
    get() {
      return elementsOf(this, struct, field)
    },
  }
}

/** The bytes of an inline field, or the trailing array, of an object. */
export function elementsOf(view: ObjectView, struct: Struct, { kind, offset, name }: FieldInfo): Elements {
  // A stale view says so here already, and not only at the first element.
  void view.reference
  if (kind.kind === 'bytes') return new ScalarElements(view, name, offset, 1, 'u8', kind.bytes)
  if (kind.kind !== 'array') throw new ArgumentError('field', name, 'of several values')
  const { element } = kind
  const bytes = struct.elementBytes
  if (!isKind(element)) return new RecordElements(view, name, offset, bytes, struct.elementFields)
  if (element.kind === 'ref') return new ReferenceElements(view, name, offset, bytes, element)
  if (element.kind === 'value') return new ValueElements(view, name, offset, bytes)
  return new ScalarElements(view, name, offset, bytes, (element as { kind: ScalarName }).kind)
}
