/**
 * The format of images: objects with their types and roots as bytes, in no heap. Written and read here, and checked
 * when read: what `decodeImage` returns can be followed without looking twice. All numbers are little-endian words of
 * 32 bits.
 *
 *   image     [ head, 48 bytes ][ types ][ objects ][ roots ]      back to back; nothing else, nothing behind
 *
 *   head       0 magic 'HWIM'      4 version of this format      8 layout version of heaps     12 checksum
 *             16 bytes of the image
 *             20 types   24 bytes of types                       28 objects   32 bytes of objects
 *             36 roots   40 bytes of roots                       44 zero
 *
 *   type      [ shape : 8 | trail : 8 | refs : 16 ][ fixed bytes ][ mask ][ element bytes ][ element mask ]
 *             [ text bytes ][ text in UTF-8 ][ offsets of 16 bits, of SHAPE_LIST ]      rounded up to 8 together
 *             The numbers are those of the kernel's table, kernel/object-layout.ts. The text is the name of the type
 *             and its canonical description, `Node{next:ref(Node)@0,value:i32@4}`: a loader registers types that its
 *             heap does not know, and refuses those that are known as something else.
 *
 *   object    [ number of its type, from 1 : 20 | user flags : 8, as in the heap ][ payload bytes ][ payload ... ]
 *             rounded up to 8; back to back. Hashes and the collector's flags are not part of an image.
 *
 *   reference offset of the object's payload from the first object's header: 8 for the first object; 0 is null. Where a
 *             reference may be there may be any other word, as it was in the heap, which is no multiple of 8; but not
 *             where the description says `ref`
 *
 *   root      [ reference ][ name bytes ][ name in UTF-8 ]                rounded up to 4
 *
 * Sections have sizes and no offsets, so that none can overlap another. How objects are packed into pieces of memory is
 * the loader's business: an image fits every build, whatever its grain.
 *
 * The checksum is the CRC-32 of ISO 3309 over everything but its own word. It is there for accidents: a file cut off, a
 * bit that flipped. It proves nothing about who wrote the image; every count, size and reference is checked as well.
 */
import { LAYOUT_VERSION } from '../../kernel/layout.js'
import { OBJECT_HEADER_BYTES, OBJECT_USER_MASK, SHAPE_LIST, TYPE_MASK, TYPE_MAX } from '../../kernel/object-layout.js'
import { ImageError } from '../errors.js'
import { DescribedRefs, isStrongType, payloadFits, ReferenceMap, type TypeNumbers } from '../objects/type-layout.js'

export const IMAGE_VERSION = 1

/** 'HWIM' */
const MAGIC = 0x4d495748
const HEAD_BYTES = 48
const CHECKSUM_AT = 12
const TYPE_HEAD_BYTES = 24
const ROOT_HEAD_BYTES = 8
/** Most bytes of an image: sizes are words of 32 bits. */
const IMAGE_MAX_BYTES = 2 ** 32 - 8

/** A type as an image has it. */
export interface ImageType extends TypeNumbers {
  /** Name and layout. */
  readonly description: string
}

export interface ImageRoot {
  readonly name: string
  readonly reference: number
}

/** What an image consists of. */
export interface ImageParts {
  /** Type number n is the one at index n - 1. */
  readonly types: readonly ImageType[]
  /** The section of objects, as words: its length is a multiple of 8 bytes. */
  readonly words: Uint32Array<ArrayBuffer>
  readonly objects: number
  readonly roots: readonly ImageRoot[]
}

/** What an object takes in an image, by the bytes of its payload. */
export function imageObjectBytes(payloadBytes: number): number {
  return alignUp(OBJECT_HEADER_BYTES + payloadBytes, 8)
}

/** Whether a word in an image is a reference: not null, and no other word. */
export function isImageReference(word: number): boolean {
  return word !== 0 && word % 8 === 0
}

/** The name that a description begins with. */
export function nameOfType(description: string): string {
  return /^[^{]*/.exec(description)?.[0] ?? ''
}

function alignUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** The checksum of an image, whatever stands in its place. */
export function imageChecksum(bytes: Uint8Array): number {
  let crc = -1
  for (let at = 0; at < bytes.length; at++) {
    if (at === CHECKSUM_AT) at += 4
    crc = (CRC_TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}

// ---- writing --------------------------------------------------------------------------------------------------------

function typeBytes(text: Uint8Array, type: ImageType): number {
  return alignUp(TYPE_HEAD_BYTES + text.length + 2 * type.offsets.length, 8)
}

function writeType(view: DataView, at: number, type: ImageType, text: Uint8Array): void {
  view.setUint8(at, type.shape)
  view.setUint8(at + 1, type.trail)
  view.setUint16(at + 2, type.refs, true)
  const words = [type.fixedBytes, type.mask, type.elementBytes, type.elementMask, text.length]
  for (const [i, word] of words.entries()) view.setUint32(at + 4 + 4 * i, word, true)
  new Uint8Array(view.buffer).set(text, at + TYPE_HEAD_BYTES)
  const offsetsAt = at + TYPE_HEAD_BYTES + text.length
  for (const [i, offset] of type.offsets.entries()) view.setUint16(offsetsAt + 2 * i, offset, true)
}

function writeRoot(view: DataView, at: number, { reference }: ImageRoot, name: Uint8Array): void {
  view.setUint32(at, reference, true)
  view.setUint32(at + 4, name.length, true)
  new Uint8Array(view.buffer).set(name, at + ROOT_HEAD_BYTES)
}

/** An image as bytes. @throws RangeError when it would be longer than an image can be */
export function encodeImage({ types, words, objects, roots }: ImageParts): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder()
  const texts = types.map((type) => encoder.encode(type.description))
  const names = roots.map(({ name }) => encoder.encode(name))
  const typesBytes = types.reduce((sum, type, i) => sum + typeBytes(texts[i] as Uint8Array, type), 0)
  const rootsBytes = names.reduce((sum, name) => sum + alignUp(ROOT_HEAD_BYTES + name.length, 4), 0)
  const total = HEAD_BYTES + typesBytes + words.byteLength + rootsBytes
  if (total > IMAGE_MAX_BYTES) throw new RangeError(`an image has at most ${IMAGE_MAX_BYTES} bytes, not ${total}`)
  const bytes = new Uint8Array(total)
  const view = new DataView(bytes.buffer)
  const counts = [types.length, typesBytes, objects, words.byteLength, roots.length, rootsBytes]
  const head = [MAGIC, IMAGE_VERSION, LAYOUT_VERSION, 0, total, ...counts]
  for (const [i, word] of head.entries()) view.setUint32(4 * i, word, true)
  let at = HEAD_BYTES
  types.forEach((type, i) => {
    writeType(view, at, type, texts[i] as Uint8Array)
    at += typeBytes(texts[i] as Uint8Array, type)
  })
  new Uint32Array(bytes.buffer, at, words.length).set(words)
  at += words.byteLength
  roots.forEach((root, i) => {
    const name = names[i] as Uint8Array
    writeRoot(view, at, root, name)
    at += alignUp(ROOT_HEAD_BYTES + name.length, 4)
  })
  view.setUint32(CHECKSUM_AT, imageChecksum(bytes), true)
  return bytes
}

// ---- reading --------------------------------------------------------------------------------------------------------

/** The bytes of one image while they are read. */
class Reader {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly view: DataView
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  word(at: number): number {
    return this.view.getUint32(at, true)
  }

  /** @throws ImageError when it is no UTF-8 */
  text(reason: 'type' | 'root', at: number, bytes: number): string {
    try {
      return this.#decoder.decode(this.bytes.subarray(at, at + bytes))
    } catch {
      throw new ImageError(reason, at, 'the name is not UTF-8')
    }
  }
}

interface Section {
  readonly from: number
  readonly end: number
  readonly count: number
}

/** The three sections, which fill the image. */
function readHead(reader: Reader): Record<'types' | 'objects' | 'roots', Section> {
  const { length } = reader.bytes
  if (length < 4 || reader.word(0) !== MAGIC) throw new ImageError('format', 0, "it does not begin with 'HWIM'")
  if (length < HEAD_BYTES) throw new ImageError('size', length, `cut off in the head of ${HEAD_BYTES} bytes`)
  const [version, layout] = [reader.word(4), reader.word(8)]
  if (version !== IMAGE_VERSION) {
    throw new ImageError('version', 4, `format version ${IMAGE_VERSION} is expected, found ${version}`)
  }
  if (layout !== LAYOUT_VERSION) {
    throw new ImageError('version', 8, `layout version ${LAYOUT_VERSION} is expected, found ${layout}`)
  }
  const total = reader.word(16)
  if (total !== length) throw new ImageError('size', 16, `${total} bytes are announced, there are ${length}`)
  const found = imageChecksum(reader.bytes)
  if (reader.word(CHECKSUM_AT) !== found) throw new ImageError('checksum', CHECKSUM_AT, 'its bytes have changed')
  const [types, objects, roots] = [24, 32, 40].map((at) => reader.word(at)) as [number, number, number]
  if (HEAD_BYTES + types + objects + roots !== total) {
    throw new ImageError('size', 24, `sections of ${types}, ${objects} and ${roots} bytes do not make ${total}`)
  }
  if (types % 8 !== 0 || objects % 8 !== 0) throw new ImageError('size', 24, 'a section is no multiple of 8 bytes')
  if (reader.word(44) !== 0) throw new ImageError('format', 44, 'a word that must be 0 is not')
  const objectsFrom = HEAD_BYTES + types
  const rootsFrom = objectsFrom + objects
  return {
    types: { from: HEAD_BYTES, end: objectsFrom, count: reader.word(20) },
    objects: { from: objectsFrom, end: rootsFrom, count: reader.word(28) },
    roots: { from: rootsFrom, end: total, count: reader.word(36) },
  }
}

/** Read the entries of a section, which must fill it; `read` gives where the next one begins. */
function readEntries(what: string, { from, end, count }: Section, least: number, read: (at: number) => number): void {
  let at = from
  for (let i = 0; i < count; i++) {
    if (end - at < least) throw new ImageError('size', at, `${count} ${what} are announced, there is room for ${i}`)
    at = read(at)
    if (at > end) throw new ImageError('size', from, `the section of ${what} ends in the middle of one`)
  }
  if (at !== end) throw new ImageError('size', at, `there is more than the ${count} ${what} announced`)
}

function readType(reader: Reader, at: number, end: number): { readonly type: ImageType; readonly next: number } {
  const { view } = reader
  const shape = view.getUint8(at)
  const refs = view.getUint16(at + 2, true)
  const [fixedBytes, mask, elementBytes, elementMask, textBytes] = [4, 8, 12, 16, 20].map((offset) =>
    reader.word(at + offset),
  ) as [number, number, number, number, number]
  const count = shape === SHAPE_LIST ? refs : 0
  const next = at + alignUp(TYPE_HEAD_BYTES + textBytes + 2 * count, 8)
  if (next > end) throw new ImageError('size', at, 'the section of types ends in the middle of one')
  const description = reader.text('type', at + TYPE_HEAD_BYTES, textBytes)
  const offsetsAt = at + TYPE_HEAD_BYTES + textBytes
  const offsets = Array.from({ length: count }, (_, i) => view.getUint16(offsetsAt + 2 * i, true))
  const trail = view.getUint8(at + 1)
  return { type: { shape, trail, refs, fixedBytes, mask, offsets, elementBytes, elementMask, description }, next }
}

function readTypes(reader: Reader, section: Section): ImageType[] {
  const types: ImageType[] = []
  const names = new Set<string>()
  if (section.count > TYPE_MAX) throw new ImageError('type', 20, `${section.count} types are more than a heap can have`)
  readEntries('types', section, TYPE_HEAD_BYTES, (at) => {
    const { type, next } = readType(reader, at, section.end)
    const name = nameOfType(type.description)
    if (name === '') throw new ImageError('type', at, 'it has no name')
    if (names.has(name)) throw new ImageError('type', at, `there are two types ${name}`)
    if (!isStrongType(type)) throw new ImageError('type', at, `the numbers of ${name} contradict each other`)
    names.add(name)
    types.push(type)
    return next
  })
  return types
}

function readRoots(reader: Reader, section: Section, objects: ImageObjects): ImageRoot[] {
  const roots: ImageRoot[] = []
  const names = new Set<string>()
  readEntries('roots', section, ROOT_HEAD_BYTES, (at) => {
    const [reference, nameBytes] = [reader.word(at), reader.word(at + 4)]
    const next = at + alignUp(ROOT_HEAD_BYTES + nameBytes, 4)
    if (next > section.end) throw new ImageError('size', at, 'the section of roots ends in the middle of one')
    const name = reader.text('root', at + ROOT_HEAD_BYTES, nameBytes)
    if (names.has(name)) throw new ImageError('root', at, `there are two roots '${name}'`)
    if (!objects.isObject(reference)) throw new ImageError('reference', at, `root '${name}' leads to no object`)
    names.add(name)
    roots.push({ name, reference })
    return next
  })
  return roots
}

/** The objects of an image: where each begins, of which type it is, what it refers to. */
export class ImageObjects {
  readonly words: Uint32Array<ArrayBuffer>
  readonly #types: readonly ImageType[]
  /** Of the types that have objects: only those are as long as they say. */
  readonly #maps: ReferenceMap[] = []
  /** A bit for 8 bytes: an object's header is there. */
  readonly #starts: Uint8Array

  /** Over what `decodeImage` or a freeze has made. */
  constructor(words: Uint32Array<ArrayBuffer>, types: readonly ImageType[]) {
    this.words = words
    this.#types = types
    this.#starts = new Uint8Array(Math.ceil(words.byteLength / 64))
  }

  /** Whether an object begins behind the header in front of `reference`. Any number may be asked. */
  isObject(reference: number): boolean {
    const header = reference - OBJECT_HEADER_BYTES
    if (header < 0 || header >= this.words.byteLength || header % 8 !== 0) return false
    return (((this.#starts[header >>> 6] as number) >>> ((header >>> 3) & 7)) & 1) !== 0
  }

  /** Number of the type of the object at a reference. */
  typeAt(reference: number): number {
    return (this.words[(reference - 8) >>> 2] as number) & TYPE_MASK
  }

  /** All objects in their order: reference, type number, bytes of the payload. */
  forEach(visit: (reference: number, type: number, payloadBytes: number) => void): void {
    for (let reference = 8; reference <= this.words.byteLength; ) {
      const payloadBytes = this.words[(reference - 4) >>> 2] as number
      visit(reference, this.typeAt(reference), payloadBytes)
      reference += imageObjectBytes(payloadBytes)
    }
  }

  /** The words of the object at `reference` that refer to another, by their offset from its payload. */
  forEachReference(reference: number, type: number, payloadBytes: number, visit: (offset: number) => void): void {
    this.#forEachWord(reference, type, payloadBytes, (offset, word) => {
      if (isImageReference(word)) visit(offset)
    })
  }

  /** The words of the object that may refer to another. */
  #forEachWord(
    reference: number,
    type: number,
    payloadBytes: number,
    visit: (offset: number, word: number) => void,
  ): void {
    this.#maps[type] ??= new ReferenceMap(this.#types[type - 1] as ImageType)
    const wordAt = (offset: number) => this.words[(reference + offset) >>> 2] as number
    this.#maps[type].visit(payloadBytes, wordAt, (offset) => visit(offset, wordAt(offset)))
  }

  /** Check the headers, one after the other, and then all references. */
  check(section: Section): void {
    this.#checkHeaders(section)
    const refs: DescribedRefs[] = []
    this.forEach((reference, type, payloadBytes) => {
      const { description, ...numbers } = this.#types[type - 1] as ImageType
      refs[type] ??= new DescribedRefs(numbers, description)
      this.#forEachWord(reference, type, payloadBytes, (offset, word) => {
        if (word === 0 || this.isObject(word)) return
        const at = section.from + reference + offset
        if (isImageReference(word)) {
          throw new ImageError('reference', at, `${word} is where no object of the image begins`)
        }
        if (refs[type]?.has(offset)) throw new ImageError('reference', at, `${word} is no reference, and no null`)
      })
    })
  }

  /** Check the headers, and note where they are. */
  #checkHeaders(section: Section): void {
    const { byteLength } = this.words
    readEntries('objects', section, OBJECT_HEADER_BYTES, (at) => {
      const header = at - section.from
      const [head, payloadBytes] = [this.words[header >>> 2] as number, this.words[(header >>> 2) + 1] as number]
      const type = this.#types[(head & TYPE_MASK) - 1]
      if (!type) throw new ImageError('object', at, `type ${head & TYPE_MASK} of ${this.#types.length}`)
      if ((head & ~(TYPE_MASK | OBJECT_USER_MASK)) !== 0)
        throw new ImageError('object', at, 'a flag of the heap is set')
      const name = nameOfType(type.description)
      if (!payloadFits(type, payloadBytes)) {
        throw new ImageError('object', at, `${payloadBytes} bytes of payload do not fit a ${name}`)
      }
      const bytes = imageObjectBytes(payloadBytes)
      if (bytes > byteLength - header) throw new ImageError('object', at, `a ${name} reaches beyond the last object`)
      this.#starts[header >>> 6] = (this.#starts[header >>> 6] as number) | (1 << ((header >>> 3) & 7))
      return at + bytes
    })
  }
}

/** An image that has been read and checked. */
export interface DecodedImage extends Omit<ImageParts, 'words' | 'objects'> {
  readonly objects: ImageObjects
  readonly objectCount: number
  /** Where types and objects begin in the image, for messages. */
  readonly typesFrom: number
  readonly objectsFrom: number
}

/** Read an image and check all of it. The bytes are copied first. @throws ImageError */
export function decodeImage(bytes: Uint8Array): DecodedImage {
  // Nobody can change the copy while it is looked at, and its words are aligned.
  const reader = new Reader(new Uint8Array(bytes))
  const head = readHead(reader)
  const types = readTypes(reader, head.types)
  const { from, end, count } = head.objects
  const objects = new ImageObjects(new Uint32Array(reader.bytes.buffer, from, (end - from) / 4), types)
  objects.check(head.objects)
  const roots = readRoots(reader, head.roots, objects)
  return { types, objects, objectCount: count, typesFrom: head.types.from, objectsFrom: from, roots }
}
