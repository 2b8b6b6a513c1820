/**
 * The types of one heap: which id a struct has there, and which struct an id stands for. The kernel's table is the
 * truth: a struct that is first used looks there for its name, so that a heap made by an earlier run, or by a guest,
 * keeps the types it has.
 *
 * A tenant's objects may refer to shared ones, so ids mean the same in a root heap and in all tenants within it: a type
 * that is new in a tenant is registered in the root heap first, and what was registered there meanwhile is added to the
 * tenant's own table, in order, with the texts that lie there. Names stay each heap's own: a type that another heap has
 * brought along is a *stranger*, whose name is free.
 */
import { STATUS_BAD_ARGUMENT } from '../../kernel/layout.js'
import {
  OBJECT_MAX_BYTES,
  SHAPE_LIST,
  SPACE_STATUS_AT,
  SPACE_TYPE_COUNT_AT,
  SPACE_TYPES_AT,
  TRAIL_BYTES,
  TRAIL_MIXED,
  TRAIL_NONE,
  TRAIL_REFS,
  TYPE_BYTES,
  TYPE_FIRST_USER,
  TYPE_MAX,
  TYPE_WEAK_MAP,
  TYPE_WEAK_REF,
  TYPE_WEAK_TABLE,
} from '../../kernel/object-layout.js'
import { TYPE_COUNTED_BYTES } from '../../kernel/value-layout.js'
import { ArgumentError, ImageError, StaleHandleError, UnsupportedError } from '../errors.js'
import { type ImageType, nameOfType } from '../formats/image.js'
import { isKind, isStruct, isWordKind } from './kinds.js'
import type { ObjectSpace } from './space.js'
import { lastBinding, type Struct, VALUE_TYPE_SIGN } from './struct.js'
import { haveSameLayout, type TypeNumbers } from './type-layout.js'
import { valueClasses } from './value-classes.js'
import { ObjectView, type ViewClass, viewClassOf } from './view.js'
import { ObjectWeakMap, WeakReference } from './weak.js'

const FIXED_BYTES_AT = 4
const MASK_AT = 8
const ELEMENT_BYTES_AT = 12
const ELEMENT_MASK_AT = 16
const TEXT_AT = 20
const TEXT_BYTES_AT = 24
const ALLOCATED_AT = 28

/** A type of the heap, as the host knows it. */
export interface Binding {
  readonly id: number
  readonly name: string
  /** Name and layout as its registrant wrote them. */
  readonly description: string
  /** The struct, once one of that name and layout was used here. */
  readonly struct: Struct | undefined
  readonly view: ViewClass
  /** Which registry, since its last reset, this is of. */
  readonly registry?: object
}

/** Bytes of the fixed part and of an element of the trailing array. */
type PayloadSize = Pick<TypeNumbers, 'fixedBytes' | 'elementBytes'>

const BUILT_IN: readonly Binding[] = [
  { id: TYPE_WEAK_REF, name: 'WeakReference', description: 'WeakReference', struct: undefined, view: WeakReference },
  { id: TYPE_WEAK_MAP, name: 'WeakMap', description: 'WeakMap', struct: undefined, view: ObjectWeakMap },
  { id: TYPE_WEAK_TABLE, name: 'WeakTable', description: 'WeakTable', struct: undefined, view: ObjectView },
]

/** What `allocRefcounted` makes. */
const COUNTED_BYTES: Binding = {
  id: TYPE_COUNTED_BYTES,
  name: 'bytes',
  description: 'bytes',
  struct: undefined,
  view: ObjectView,
}

export class TypeRegistry {
  readonly #space: ObjectSpace
  /** By id. */
  #bindings: (Binding | undefined)[] = []
  #sizes: (PayloadSize | undefined)[] = []
  #byStruct = new Map<Struct, Binding>()
  #byName = new Map<string, Binding>()
  #key: object = {}
  /** Memory for texts of types that the kernel's table had no room for: the next attempt takes it. */
  #texts = new Map<string, number>()
  /** Highest id that was looked at in the kernel's table. */
  #scanned = 0
  /** Of a root heap: types that only tenants have named, by their descriptions. */
  #strangers = new Map<string, number[]>()
  #strangerIds = new Set<number>()
  /** Of a tenant: up to this id its table says what the root heap's does. */
  #agreed = 0

  constructor(space: ObjectSpace) {
    this.#space = space
    this.clear()
  }

  clear(): void {
    this.#key = {}
    this.#sizes = []
    this.#byStruct = new Map()
    this.#byName = new Map()
    this.#texts = new Map()
    this.#strangers = new Map()
    this.#strangerIds = new Set()
    this.#bindings = [undefined]
    for (const binding of BUILT_IN) this.#bindings[binding.id] = binding
    if (this.#space.isCounted) this.#bindings[TYPE_COUNTED_BYTES] = COUNTED_BYTES
    this.#scanned = this.#bindings.length - 1
    this.#agreed = TYPE_FIRST_USER - 1
  }

  /** The registry of the root heap, for a tenant whose types have the same ids as there. */
  get #root(): TypeRegistry | undefined {
    return this.#space.lender?.types
  }

  /** Types known to the kernel. */
  get #count(): number {
    return Math.min(this.#space.word(SPACE_TYPE_COUNT_AT), TYPE_MAX)
  }

  /** What a struct is in this heap; it is registered if it is new here. @throws ArgumentError, OutOfMemoryError */
  typeOf(struct: Struct): Binding {
    // The last answer stands in the struct itself: most structs are used in one heap.
    const last = struct?.[lastBinding] as Binding | undefined
    if (last !== undefined && last.registry === this.#key) return last
    return this.#typeOfSlow(struct)
  }

  #typeOfSlow(struct: Struct): Binding {
    if (!isStruct(struct)) throw new ArgumentError('struct', struct, 'a struct')
    const binding = this.#byStruct.get(struct) ?? this.#register(struct)
    struct[lastBinding] = binding
    return binding
  }

  /** Whether objects of a type can have a payload of so many bytes. */
  fits(id: number, payloadBytes: number): boolean {
    const size = this.#sizes[id] ?? this.#sizeOf(id)
    if (size === undefined || payloadBytes === size.fixedBytes) return size !== undefined
    const more = payloadBytes - size.fixedBytes
    return size.elementBytes !== 0 && more >= 0 && payloadBytes <= OBJECT_MAX_BYTES && more % size.elementBytes === 0
  }

  #sizeOf(id: number): PayloadSize | undefined {
    const isType = Number.isInteger(id) && id >= TYPE_FIRST_USER && id <= this.#count
    // Zeros are no string, and no array.
    if (isType && !this.get(id)?.name.startsWith(VALUE_TYPE_SIGN)) this.#sizes[id] = this.numbersOf(id)
    return this.#sizes[id]
  }

  /** What is known of a type; types that others have registered are looked up in the heap. */
  get(id: number): Binding | undefined {
    const binding = this.#bindings[id]
    if (binding) return binding
    if (this.#root) return this.#strange(this.#root, id)
    this.#scan()
    return this.#bindings[id] ?? (this.#strangerIds.has(id) ? this.#read(id) : undefined)
  }

  /** A type that a tenant has not named. Allocates nothing: whoever asks may hold raw references. */
  #strange(root: TypeRegistry, id: number): Binding | undefined {
    if (id > root.#count) return id <= this.#count ? this.#read(id) : undefined
    const known = root.get(id)
    // A struct of the root heap does for its shared objects here, too.
    if (known?.struct) this.#bindings[id] = known
    return known
  }

  viewClass(id: number): ViewClass {
    return this.#bindings[id]?.view ?? this.get(id)?.view ?? ObjectView
  }

  /** Objects ever allocated of a type: counted at collections, with the option `countTypes`. */
  allocated(id: number): number {
    return this.#typeWord(id, ALLOCATED_AT)
  }

  #typeWord(id: number, at: number): number {
    return this.#space.wordAt(this.#space.word(SPACE_TYPES_AT) + id * TYPE_BYTES + at)
  }

  /** Take note of the types that have been registered since the last look, by whomever. */
  #scan(): void {
    if (this.#root) {
      this.agree()
      return
    }
    for (const count = this.#count; this.#scanned < count; ) {
      const id = ++this.#scanned
      if (!this.#bindings[id] && !this.#strangerIds.has(id)) this.#enter(this.#read(id))
    }
  }

  /** Take over the structs of the heap that this one is a fork of. */
  knowAs(other: TypeRegistry): void {
    for (const binding of other.#byStruct.values()) this.#enter({ ...binding, registry: this.#key })
  }

  /** What the kernel's table says of a type. */
  #read(id: number): Binding {
    const at = this.#typeWord(id, TEXT_AT)
    const bytes = this.#space.views.u8.slice(at, at + this.#typeWord(id, TEXT_BYTES_AT))
    const description = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    const name = nameOfType(description) || `type ${id}`
    return { id, name, description, struct: undefined, view: valueClasses.get(name) ?? ObjectView }
  }

  #enter(binding: Binding): Binding {
    this.#bindings[binding.id] = binding
    this.#byName.set(binding.name, binding)
    if (binding.struct) this.#byStruct.set(binding.struct, binding)
    return binding
  }

  #register(struct: Struct): Binding {
    const known = this.#checkNew(struct)
    const { name, description } = struct
    const id = known?.id ?? this.#obtain(numbersOfStruct(struct), description)
    return this.#enter({ id, name, description, struct, view: viewClassOf(struct), registry: this.#key })
  }

  /** Check that a struct can be of this heap. @throws ArgumentError */
  check(struct: Struct): void {
    if (!this.#byStruct.has(struct)) this.#checkNew(struct)
  }

  /** The type of a struct's name, which the struct must fit. @throws ArgumentError */
  #checkNew(struct: Struct): Binding | undefined {
    this.#scan()
    const { name, description } = struct
    const known = this.#byName.get(name)
    if (known && known.description !== description) {
      const expected = `of another name: this heap has a type ${known.description} already, and this is ${description}`
      throw new ArgumentError('struct', name, expected)
    }
    if (known?.struct)
      throw new ArgumentError('struct', name, 'the one struct of this name in the heap, not a second one')
    if (known && !haveSameLayout(this.numbersOf(known.id), numbersOfStruct(struct))) {
      throw new ArgumentError('struct', name, 'of another name: what this heap knows by it has references elsewhere')
    }
    return known
  }

  // ---- types of images ----------------------------------------------------------------------------------------------

  /** The type of a name. */
  named(name: string): Binding | undefined {
    // The types of values come all together, with the values' state that says which they are.
    if (name.startsWith(VALUE_TYPE_SIGN)) void this.#space.values
    this.#scan()
    return this.#byName.get(name)
  }

  /** What the kernel knows of a type. */
  numbersOf(id: number): TypeNumbers {
    const head = this.#typeWord(id, 0)
    const [shape, refs, mask] = [head & 0xff, head >>> 16, this.#typeWord(id, MASK_AT)]
    const isList = shape === SHAPE_LIST
    return {
      shape,
      trail: (head >>> 8) & 0xff,
      refs,
      fixedBytes: this.#typeWord(id, FIXED_BYTES_AT),
      mask: isList ? 0 : mask,
      offsets: isList ? Array.from({ length: refs }, (_, i) => this.#space.views.u16[(mask >>> 1) + i] as number) : [],
      elementBytes: this.#typeWord(id, ELEMENT_BYTES_AT) & 0xffff,
      elementMask: this.#typeWord(id, ELEMENT_MASK_AT),
    }
  }

  /** Why a type of an image cannot be this heap's; undefined when it can, because it is the same or new. */
  conflict(type: ImageType): string | undefined {
    const { description } = type
    const known = this.named(nameOfType(description))
    if (!known) return undefined
    if (known.description !== description) return `this heap has a type ${known.description}, the image ${description}`
    if (haveSameLayout(this.numbersOf(known.id), type)) return undefined
    return `${description} has its references elsewhere in this heap`
  }

  /** The id of a type of an image, which is registered if it is new here. @throws ImageError, OutOfMemoryError */
  adopt(type: ImageType): number {
    const conflict = this.conflict(type)
    if (conflict !== undefined) throw new ImageError('type', 0, conflict)
    return this.named(nameOfType(type.description))?.id ?? this.#obtain(type, type.description)
  }

  // ---- the same ids in all tenants ----------------------------------------------------------------------------------

  /** The id of a type that has no name here yet. @throws ArgumentError, OutOfMemoryError */
  #obtain(type: TypeNumbers, description: string): number {
    const root = this.#root
    if (!root) return this.#takeStranger(type, description) ?? this.#add(type, description)
    const id = root.#obtainFor(type, description)
    this.agree()
    return id
  }

  /** Whether a type that is not the one of its name here may be another heap's. */
  isStranger(id: number): boolean {
    return this.#root !== undefined || this.#strangerIds.has(id)
  }

  /** A stranger that is this very type, and is none from here on. */
  #takeStranger(type: TypeNumbers, description: string): number | undefined {
    const id = this.#findStranger(type, description)
    if (id !== undefined) this.#strangerIds.delete(id)
    return id
  }

  #findStranger(type: TypeNumbers, description: string): number | undefined {
    return this.#strangers.get(description)?.find((id) => haveSameLayout(this.numbersOf(id), type))
  }

  /** The id of a tenant's type. It takes no name here. */
  #obtainFor(type: TypeNumbers, description: string): number {
    this.#scan()
    const own = this.#byName.get(nameOfType(description))
    if (own?.description === description && haveSameLayout(this.numbersOf(own.id), type)) return own.id
    return this.#findStranger(type, description) ?? this.#addStranger(type, description)
  }

  #addStranger(type: TypeNumbers, description: string): number {
    const id = this.#add(type, description)
    const alike = this.#strangers.get(description)
    if (alike) alike.push(id)
    else this.#strangers.set(description, [id])
    this.#strangerIds.add(id)
    return id
  }

  /**
   * In a tenant: bring its table and the root heap's to the same ids. What a guest has registered with the tenant's
   * kernel goes to the root heap.
   *
   * @throws UnsupportedError when both have given an id to different types; OutOfMemoryError
   */
  agree(): void {
    const root = this.#root
    if (!root) return
    while (this.#agreed < Math.max(this.#count, root.#count)) {
      const id = this.#agreed + 1
      if (id > this.#count) this.#copy(root, id)
      else if (id > root.#count) this.#hand(root, id)
      else this.#compare(root, id)
      this.#agreed = id
      // Types of values belong to every heap that has any.
      const binding = root.get(id)
      if (binding?.name.startsWith(VALUE_TYPE_SIGN)) this.#enter({ ...binding, registry: this.#key })
    }
  }

  /** Add the root heap's next type, whose text and list stay where they are. */
  #copy(root: TypeRegistry, id: number): void {
    const { shape, trail, refs, fixedBytes, elementBytes, elementMask } = root.numbersOf(id)
    const [textAt, textBytes, mask] = [TEXT_AT, TEXT_BYTES_AT, MASK_AT].map((at) => root.#typeWord(id, at))
    const { kernel } = this.#space
    const add = () => {
      // Whoever made room may have used a type, and so have added this one.
      if (id <= this.#count) return id
      return kernel.typeAdd(
        textAt as number,
        textBytes as number,
        shape,
        trail,
        refs,
        fixedBytes,
        mask as number,
        elementBytes,
        elementMask,
      )
    }
    this.#space.request(TYPE_BYTES, add)
  }

  /** Register in the root heap what a guest has registered here. */
  #hand(root: TypeRegistry, id: number): void {
    const binding = this.#read(id)
    // Those come all together.
    if (binding.name.startsWith(VALUE_TYPE_SIGN)) void root.#space.values
    if (id > root.#count) root.#addStranger(this.numbersOf(id), binding.description)
    this.#compare(root, id)
    this.#enter(binding)
  }

  #compare(root: TypeRegistry, id: number): void {
    const [mine, theirs] = [this.#read(id).description, root.#read(id).description]
    if (mine === theirs && haveSameLayout(this.numbersOf(id), root.numbersOf(id))) return
    const hint = `type ${id} is ${mine} here, and ${theirs} in ${root.#space.core.label}`
    throw new UnsupportedError(
      this.#space.core.mode,
      'types in common with its root heap',
      hint,
      this.#space.core.label,
    )
  }

  // ---- the kernel's table -------------------------------------------------------------------------------------------

  /** Enter a type into the kernel's table. */
  #add(type: TypeNumbers, description: string): number {
    const space = this.#space
    const { epoch } = space
    const text = new TextEncoder().encode(description)
    const { shape, trail, refs, fixedBytes, offsets, elementBytes, elementMask } = type
    const listBytes = 2 * offsets.length
    const textBytes = listBytes + text.length
    const key = `${listBytes} ${description}`
    const listAt = this.#texts.get(key) ?? space.request(textBytes, () => space.kernel.typeText(textBytes))
    this.#texts.set(key, listAt)
    space.views.refresh()
    space.views.u16.set(offsets, listAt >>> 1)
    const textAt = listAt + listBytes
    space.views.u8.set(text, textAt)
    const mask = shape === SHAPE_LIST ? listAt : type.mask
    const add = () => {
      // Whoever made room may have reset the heap, which took the text.
      if (space.epoch !== epoch) throw new StaleHandleError('heap-reset')
      return space.kernel.typeAdd(textAt, text.length, shape, trail, refs, fixedBytes, mask, elementBytes, elementMask)
    }
    const id = add() || this.#addSlow(description, add)
    this.#texts.delete(key)
    return id
  }

  #addSlow(description: string, add: () => number): number {
    if (this.#space.word(SPACE_STATUS_AT) === STATUS_BAD_ARGUMENT) {
      throw new ArgumentError('struct', description, `one of at most ${TYPE_MAX} types of a heap`)
    }
    return this.#space.request(TYPE_BYTES, add)
  }
}

/** A struct as the kernel is told of it. */
export function numbersOfStruct(struct: Struct): TypeNumbers {
  const { shape, references, fixedBytes, elementBytes, elementMask } = struct
  return {
    shape,
    trail: trailOf(struct),
    refs: references,
    fixedBytes,
    mask: 0,
    offsets: [],
    elementBytes,
    elementMask,
  }
}

function trailOf(struct: Struct): number {
  if (struct.elementBytes === 0) return TRAIL_NONE
  if (struct.elementMask !== 0) return TRAIL_MIXED
  const element = struct.trailing?.kind
  return element?.kind === 'array' && isKind(element.element) && isWordKind(element.element) ? TRAIL_REFS : TRAIL_BYTES
}
