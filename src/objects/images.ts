/**
 * Images in a heap: freezing the closure of some objects to bytes, and loading such bytes as immortal objects, which
 * are never collected, moved, scanned or written to. The format is that of `formats/image.ts`.
 *
 * Loading, in this order: the bytes are read and checked, types against this heap's too; memory for all pieces; types;
 * objects are written and sealed; slots for the roots. A shared image goes to the shared space (`shared.ts`). Until the bytes have passed nothing is touched; what fails
 * later, for lack of memory, gives the pieces back (types that were new stay known, which does no harm).
 */
import { STATUS_OK } from '../../kernel/layout.js'
import {
  IMAGE_MAX_BYTES,
  OBJECT_HEADER_BYTES,
  OBJECT_USER_MASK,
  ROOT_STRONG,
  SPACE_TYPE_COUNT_AT,
  TYPE_FIRST_USER,
  TYPE_MASK,
  TYPE_MAX,
} from '../../kernel/object-layout.js'
import { checkOptions } from '../arguments.js'
import { ArgumentError, CorruptionError, ImageError, StaleHandleError } from '../errors.js'
import {
  type DecodedImage,
  decodeImage,
  encodeImage,
  type ImageRoot,
  type ImageType,
  imageObjectBytes,
  isImageReference,
  nameOfType,
} from '../formats/image.js'
import type { Protection } from '../protection.js'
import { areValuesWhole, canBeFrozen, forgetHeap } from '../values/frozen.js'
import { Holder } from './holder.js'
import { ImageProtection } from './image-protection.js'
import { isStruct } from './kinds.js'
import { type Binding, numbersOfStruct } from './registry.js'
import { Root } from './roots.js'
import type { ObjectSpace } from './space.js'
import type { Struct } from './struct.js'
import { DescribedRefs, haveSameLayout, isStrongType, payloadFits, ReferenceMap } from './type-layout.js'
import type { View } from './types.js'
import { ObjectView } from './view.js'

/** What objects to freeze are given as: by name, or in a list, where the index is the name. */
export type ImageInput = Readonly<Record<string, ObjectView | Root>> | readonly (ObjectView | Root)[]

/** The views of an image's roots: of the structs that were given, and of any others. */
export type ImageRoots<Structs extends Readonly<Record<string, Struct>>> = {
  readonly [Name in keyof Structs]: View<Structs[Name]>
} & { readonly [name: string]: ObjectView }

/** An image in a heap, for as long as the heap is, or until its next reset. */
export interface LoadedImage<Structs extends Readonly<Record<string, Struct>> = Record<never, never>> {
  /** The objects that were frozen by name. Their views need no scope. */
  readonly roots: ImageRoots<Structs>
  /** Bytes of the heap that the objects take, headers and padding included. */
  readonly bytes: number
  readonly objects: number
  /** How it is protected; undefined when it is not, and when the heap was reset or closed. */
  readonly protection: Protection | undefined
  /**
   * Have the system refuse stores to the image's pages, and the library those at addresses in it, until `unprotect`,
   * a reset or the heap's end. The pages at its ends are shared with other memory, unless it was loaded with `protect`;
   * those the library protects alone.
   *
   * @returns how much of it the system protects
   * @throws StaleHandleError once the heap was reset, ClosedError; PlatformError when the system refuses
   */
  protect(): Protection
  /** Have it no longer protected. Harmless when it is not. @throws PlatformError when the system refuses */
  unprotect(): void
}

// ---- freezing -------------------------------------------------------------------------------------------------------

/** A type of the closure. */
interface FrozenType {
  /** In the image, from 1. */
  readonly number: number
  readonly type: ImageType
  readonly references: ReferenceMap
  readonly refs: DescribedRefs
}

/** The closure of some objects: found breadth first, each with its place in the image as soon as it is found. */
class Closure {
  readonly #space: ObjectSpace
  readonly #types = new Map<number, FrozenType>()
  /** What is an object of the heap in the image. */
  readonly #references = new Map<number, number>()
  bytes = 0

  constructor(space: ObjectSpace) {
    this.#space = space
  }

  get types(): ImageType[] {
    return [...this.#types.values()].map(({ type }) => type)
  }

  get objects(): number {
    return this.#references.size
  }

  /** The reference in the image of an object of the heap, which belongs to the image from here on. */
  add(reference: number): number {
    const known = this.#references.get(reference)
    if (known !== undefined) return known
    const { type } = this.#typeOf(reference)
    const payloadBytes = this.#space.wordAt(reference - 4)
    if (!payloadFits(type, payloadBytes))
      throw new CorruptionError(reference, 'objects have sizes that fit their types')
    const own = this.bytes + OBJECT_HEADER_BYTES
    this.#references.set(reference, own)
    this.bytes += imageObjectBytes(payloadBytes)
    return own
  }

  /** Add everything that is referred to. A map is gone through in the order of entry, what is added meanwhile too. */
  complete(): void {
    for (const reference of this.#references.keys()) {
      this.#forEachReference(reference, (slot) => {
        this.add(this.#space.wordAt(slot))
      })
    }
  }

  /** Visit the words of an object that refer to another; others are data, where there may be any. */
  #forEachReference(reference: number, visit: (slot: number) => void): void {
    const { references, refs } = this.#typeOf(reference)
    const wordAt = (offset: number) => this.#space.wordAt(reference + offset)
    references.visit(wordAt(-4), wordAt, (offset) => {
      const word = wordAt(offset)
      if (isImageReference(word)) visit(reference + offset)
      else if (word !== 0 && refs.has(offset)) {
        throw new ArgumentError('objects', word, 'objects whose fields of kind ref hold references, and no other words')
      }
    })
  }

  #typeOf(reference: number): FrozenType {
    const end = this.#space.views.u8.length
    if (reference % 8 !== 0 || reference < OBJECT_HEADER_BYTES || reference > end) {
      throw new CorruptionError(reference, 'references lead to objects')
    }
    const id = this.#space.wordAt(reference - OBJECT_HEADER_BYTES) & TYPE_MASK
    return this.#types.get(id) ?? this.#enterType(reference, id)
  }

  #enterType(reference: number, id: number): FrozenType {
    const { types } = this.#space
    const binding = types.get(id)
    if (!binding) throw new CorruptionError(reference, 'objects are of known types')
    const type: ImageType = { ...types.numbersOf(id), description: binding.description }
    if (id < TYPE_FIRST_USER || !isStrongType(type)) {
      const expected = 'objects that lead to no weak reference and no weak map: an image keeps all that it holds'
      throw new ArgumentError('objects', binding.name, expected)
    }
    if (!canBeFrozen(binding.name)) {
      throw new ArgumentError(
        'objects',
        binding.name,
        'objects that lead to no dictionary and no object with properties',
      )
    }
    if (nameOfType(binding.description) === '' || !this.#isOnly(binding)) {
      throw new ArgumentError('objects', binding.name, 'of types that have a name, each its own')
    }
    const refs = new DescribedRefs(type, binding.description)
    const made = { number: this.#types.size + 1, type, references: new ReferenceMap(type), refs }
    this.#types.set(id, made)
    return made
  }

  /** Whether no other type of the image, or of the heap's own, has the type's name. */
  #isOnly({ id, name, description }: Binding): boolean {
    const { types } = this.#space
    const named = types.named(name)
    if (named && named.id !== id && !types.isStranger(id)) return false
    return !this.types.some((type) => nameOfType(type.description) === nameOfType(description))
  }

  /** The section of objects. */
  words(): Uint32Array<ArrayBuffer> {
    const space = this.#space
    const bytes = new Uint8Array(this.bytes)
    const words = new Uint32Array(bytes.buffer)
    for (const [reference, own] of this.#references) {
      const payloadBytes = space.wordAt(reference - 4)
      const flags = space.wordAt(reference - OBJECT_HEADER_BYTES) & OBJECT_USER_MASK
      bytes.set(space.views.u8.subarray(reference, reference + payloadBytes), own)
      forgetHeap(words, own, this.#typeOf(reference).type.description)
      words[(own - 8) >>> 2] = flags | this.#typeOf(reference).number
      words[(own - 4) >>> 2] = payloadBytes
      this.#forEachReference(reference, (slot) => {
        const at = (own + slot - reference) >>> 2
        words[at] = this.#references.get(words[at] as number) ?? 0
      })
    }
    return words
  }
}

/** The objects to freeze with their names, checked. */
function namedObjects(space: ObjectSpace, objects: unknown): [name: string, view: ObjectView][] {
  if (typeof objects !== 'object' || objects === null) {
    throw new ArgumentError('objects', objects, 'views or roots by name, or an array of them')
  }
  const isOne = ObjectView.isView(objects) || Root.isRoot(objects)
  if (isOne)
    throw new ArgumentError('objects', objects, 'an object of names and views, such as `{ root: view }`', 'a view')
  const named = Object.entries(objects)
  if (named.length === 0) throw new ArgumentError('objects', objects, 'one or more views or roots')
  const encoder = new TextEncoder()
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return named.map(([name, object]) => {
    if (decoder.decode(encoder.encode(name)) !== name)
      throw new ArgumentError('objects', name, 'names that are Unicode')
    return [name, space.checkView(`objects.${name}`, object)]
  })
}

/** The closure of the objects as an image. Nothing in the heap changes. */
export function freezeObjects(space: ObjectSpace, objects: ImageInput): Uint8Array<ArrayBuffer> {
  const named = namedObjects(space, objects)
  space.core.assertOpen()
  // What they lead to may be shared, and of types that this heap has not met.
  space.types.agree()
  const closure = new Closure(space)
  const roots = named.map(([name, view]): ImageRoot => ({ name, reference: closure.add(view.reference) }))
  closure.complete()
  return encodeImage({ types: closure.types, words: closure.words(), objects: closure.objects, roots })
}

// ---- loading --------------------------------------------------------------------------------------------------------

/** The pieces of memory that an image's objects go to, each object at the heap's grain. */
class Pieces {
  readonly #grain: number
  /** Bytes of each. */
  readonly sizes: number[] = []
  /** Of each the address of the first header. */
  readonly addresses: number[] = []
  readonly #image: DecodedImage

  constructor(image: DecodedImage, grain: number) {
    this.#image = image
    this.#grain = grain
    this.#forEachPlace((piece, offset, bytes) => {
      this.sizes[piece] = offset + bytes
    })
  }

  /** Where each object goes: number of the piece, offset there; and the bytes that it takes. */
  #forEachPlace(visit: (piece: number, offset: number, bytes: number, reference: number) => void): void {
    let piece = 0
    let end = 0
    this.#image.objects.forEach((reference, _, payloadBytes) => {
      const bytes = Math.ceil((payloadBytes + OBJECT_HEADER_BYTES) / this.#grain) * this.#grain
      // An object that is longer than a piece has one of its own.
      if (end > 0 && end + bytes > IMAGE_MAX_BYTES) {
        piece++
        end = 0
      }
      visit(piece, end, bytes, reference)
      end += bytes
    })
  }

  get bytes(): number {
    return this.sizes.reduce((sum, bytes) => sum + bytes, 0)
  }

  /** The references of the objects in the heap, by their references in the image over 8. */
  references(): Uint32Array {
    const references = new Uint32Array(this.#image.objects.words.length / 2 + 1)
    this.#forEachPlace((piece, offset, _, reference) => {
      references[reference / 8] = (this.addresses[piece] as number) + offset + OBJECT_HEADER_BYTES
    })
    return references
  }
}

/** An image that is there. */
interface Loaded {
  /** Views of the roots. */
  readonly roots: ObjectView[]
  readonly bytes: number
  readonly protection: ImageProtection
}

/** One image on its way into a heap. */
class Loading {
  readonly #space: ObjectSpace
  readonly #image: DecodedImage
  readonly #pieces: Pieces
  readonly #epoch: number
  readonly #slots: ReturnType<ObjectSpace['roots']['add']>[] = []
  readonly #isShared: boolean
  readonly #isProtected: boolean
  /** What the pieces are multiples of; 0: they lie where there is room. */
  readonly #pageBytes: number
  #protection: ImageProtection | undefined

  constructor(space: ObjectSpace, image: DecodedImage, { shared = false, protect = false }: ImageOptions) {
    const { core } = space
    this.#space = space
    this.#image = image
    this.#isShared = shared
    this.#isProtected = protect
    const hasPages = protect && !shared && core.mode !== 'embedded' && core.pages.can.protect
    this.#pageBytes = hasPages ? core.pages.pageBytes : 0
    this.#pieces = new Pieces(image, space.grainBytes)
    this.#epoch = space.epoch
  }

  load(structs: readonly Struct[]): Loaded {
    const space = this.#space
    try {
      this.#takePieces()
      const typeIds = this.#image.types.map((type) => space.types.adopt(type))
      this.#assertSameEpoch()
      const references = this.#pieces.references()
      this.#write(references, typeIds)
      this.#seal()
      this.#checkValues()
      for (const struct of structs) space.types.typeOf(struct)
      const roots = this.#makeRoots(references)
      return { roots, bytes: this.#pieces.bytes, protection: this.#protect() }
    } catch (error) {
      this.#undo()
      throw error
    }
  }

  #takePieces(): void {
    const { core } = this.#space
    for (const bytes of this.#pieces.sizes) {
      const attempt = () =>
        this.#isShared ? core.kernel.sharedCreate(bytes) : core.kernel.imageCreate(bytes, this.#pageBytes)
      const address = attempt() >>> 0 || core.rescueOrThrow(bytes, attempt, true)
      // Whoever made room may have reset the heap, which took the pieces before this one, or this one too.
      if (!core.isClosed && this.#space.epoch !== this.#epoch && core.kernel.objectStatus(address + 8) !== STATUS_OK) {
        this.#drop([address])
      }
      this.#assertSameEpoch()
      this.#pieces.addresses.push(address)
    }
  }

  #assertSameEpoch(): void {
    this.#space.core.assertOpen()
    if (this.#space.epoch !== this.#epoch) throw new StaleHandleError('heap-reset')
  }

  #write(references: Uint32Array, typeIds: readonly number[]): void {
    const { views } = this.#space
    views.refresh()
    const { u8, u32 } = views
    const { words } = this.#image.objects
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
    this.#image.objects.forEach((reference, type, payloadBytes) => {
      const at = references[reference / 8] as number
      const flags = (words[(reference - 8) >>> 2] as number) & OBJECT_USER_MASK
      u32[(at - 8) >>> 2] = flags | (typeIds[type - 1] as number)
      u32[(at - 4) >>> 2] = payloadBytes
      u8.set(bytes.subarray(reference, reference + payloadBytes), at)
      forgetHeap(u32, at, this.#image.types[type - 1]?.description ?? '')
      this.#image.objects.forEachReference(reference, type, payloadBytes, (offset) => {
        const word = (at + offset) >>> 2
        u32[word] = references[(u32[word] as number) / 8] as number
      })
    })
  }

  /** Nothing of this can fail: the kernel looks once more at what has been checked. */
  #seal(): void {
    const { kernel, base } = this.#space
    const { addresses } = this.#pieces
    const isSealed = addresses.every((address) => kernel.imageSeal(address) === STATUS_OK)
    if (isSealed && addresses.every((address) => kernel.imageCheck(address) === STATUS_OK)) return
    throw new CorruptionError(base, 'the kernel takes an image that was checked')
  }

  /** What the text of a string is, or how long an array's store, no type says. */
  #checkValues(): void {
    const { types, objectsFrom } = this.#image
    if (
      areValuesWhole(
        this.#space,
        types.map(({ description }) => description),
      )
    )
      return
    throw new ImageError('object', objectsFrom, 'a string, a number or an array contradicts itself')
  }

  #protect(): ImageProtection {
    const { addresses, sizes } = this.#pieces
    const pieces = addresses.map((address, piece) => ({ address, bytes: sizes[piece] as number }))
    this.#protection = new ImageProtection(this.#space, pieces, this.#pageBytes)
    if (this.#isProtected) this.#protection.protect()
    return this.#protection
  }

  /** Slots that are the heap's own, for as long as the image is there, and views over them. */
  #makeRoots(references: Uint32Array): ObjectView[] {
    const space = this.#space
    const targets = this.#image.roots.map(({ reference }) => references[reference / 8] as number)
    for (const target of targets) {
      // Where a reset has come in between there is nothing at the target.
      this.#slots.push(space.roots.add(ROOT_STRONG, () => (space.epoch === this.#epoch ? target : 0)))
      this.#assertSameEpoch()
    }
    space.views.refresh()
    const holder = new Holder(space)
    return targets.map((target, i) => space.viewAt(holder, (this.#slots[i]?.slot ?? 0) >>> 2, target))
  }

  #undo(): void {
    const space = this.#space
    for (const slot of this.#slots) space.roots.remove(slot)
    if (space.isClosed || space.epoch !== this.#epoch) return
    // The last first: what is shared is given back from the end.
    this.#drop(this.#pieces.addresses.reverse())
  }

  #drop(addresses: readonly number[]): void {
    const { kernel } = this.#space
    const drop = () => {
      for (const address of addresses) kernel.imageDrop(address)
    }
    // The list of images leads through the heads of others, which may be protected.
    this.#space.core.protection.lifted(() => {
      if (this.#isShared) this.#space.sharing.withdraw(drop)
      else drop()
    })
  }
}

/** Check that an image's types can be this heap's. @throws ImageError */
function checkTypes(space: ObjectSpace, image: DecodedImage): void {
  let unknown = 0
  for (const type of image.types) {
    if (!canBeFrozen(type.description)) {
      throw new ImageError('type', image.typesFrom, `objects of ${type.description} are of one heap alone`)
    }
    const conflict = space.types.conflict(type)
    if (conflict !== undefined) throw new ImageError('type', image.typesFrom, conflict)
    if (!space.types.named(nameOfType(type.description))) unknown++
  }
  const known = space.word(SPACE_TYPE_COUNT_AT)
  if (known + unknown <= TYPE_MAX) return
  throw new ImageError('type', image.typesFrom, `${unknown} types beside ${known} are more than a heap can have`)
}

/** Check the structs that roots are said to be of. @throws ArgumentError, ImageError */
function checkStructs(space: ObjectSpace, image: DecodedImage, structs: Readonly<Record<string, unknown>>): Struct[] {
  const byName = new Map<string, Struct>()
  for (const [name, struct] of Object.entries(structs)) {
    if (!isStruct(struct)) throw new ArgumentError(`structs.${name}`, struct, 'a struct')
    if ((byName.get(struct.name) ?? struct) !== struct) {
      throw new ArgumentError(`structs.${name}`, struct.name, 'the one struct of this name, not a second one')
    }
    byName.set(struct.name, struct)
    const root = image.roots.find((one) => one.name === name)
    if (!root) throw new ImageError('root', image.objectsFrom, `it has no root '${name}'`)
    const type = image.types[image.objects.typeAt(root.reference) - 1] as ImageType
    if (type.description !== struct.description || !haveSameLayout(type, numbersOfStruct(struct))) {
      const found = `root '${name}' is a ${type.description}, not a ${struct.description}`
      throw new ImageError('root', image.objectsFrom + root.reference, found)
    }
    space.types.check(struct)
  }
  return [...byName.values()]
}

/** How `heap.loadImage` loads. */
export interface ImageOptions {
  /** Into the shared space, where objects of the heap's tenants may refer to the image's. Default false. */
  readonly shared?: boolean
  /**
   * In whole pages of its own, which the system protects against stores: see `LoadedImage.protect`. With `shared`, and
   * in mode `embedded`, it has no pages of its own. Default false.
   */
  readonly protect?: boolean
}

/** Load an image. @throws ImageError, ArgumentError, UnsupportedError, OutOfMemoryError */
export function loadObjects<Structs extends Readonly<Record<string, Struct>>>(
  space: ObjectSpace,
  bytes: Uint8Array,
  structs: Structs,
  options: ImageOptions = {},
): LoadedImage<Structs> {
  space.core.assertOpen()
  checkOptions('options', options, ['shared', 'protect'])
  const { shared = false, protect = false } = options
  if (typeof shared !== 'boolean') throw new ArgumentError('shared', shared, 'true or false')
  if (typeof protect !== 'boolean') throw new ArgumentError('protect', protect, 'true or false')
  const sharing = shared ? space.sharing : undefined
  if (!(bytes instanceof Uint8Array)) throw new ArgumentError('bytes', bytes, 'a Uint8Array')
  if (typeof structs !== 'object' || structs === null) throw new ArgumentError('structs', structs, 'structs by name')
  const image = decodeImage(bytes)
  checkTypes(space, image)
  const used = checkStructs(space, image, structs)
  const loaded = new Loading(space, image, { shared, protect }).load(used)
  sharing?.announce()
  const roots: Record<string, ObjectView> = Object.create(null)
  image.roots.forEach(({ name }, i) => {
    roots[name] = loaded.roots[i] as ObjectView
  })
  space.settle()
  const { protection, bytes: taken } = loaded
  return Object.freeze({
    roots: Object.freeze(roots) as ImageRoots<Structs>,
    bytes: taken,
    objects: image.objectCount,
    get protection() {
      return protection.current
    },
    protect: () => protection.protect(),
    unprotect: () => protection.unprotect(),
  })
}
