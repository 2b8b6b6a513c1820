/**
 * The numbers by which the kernel knows a type, as the host reads, compares and follows them: what
 * `kernel/object/types.ts` checks and `kernel/object/scan.ts` walks, for types that come from outside and objects that
 * are in no heap.
 */
import {
  OBJECT_MAX_BYTES,
  SHAPE_LEAF,
  SHAPE_LIST,
  SHAPE_MASK,
  SHAPE_MIXED,
  SHAPE_PREFIX,
  SHAPE_REFS,
  SHAPE_WIDE,
  TRAIL_BYTES,
  TRAIL_MIXED,
  TRAIL_NONE,
  TRAIL_REFS,
} from '../../kernel/object-layout.js'
import { WIDE_REFERENCE } from '../../kernel/value-layout.js'

/** Longest fixed part that the kernel takes. */
const FIXED_MAX_BYTES = 2 ** 28
const REFS_MAX = 0xffff
const ELEMENT_MAX_BYTES = 0xffff
const WIDE_BYTES = 8

/** What `typeAdd` is told. */
export interface TypeNumbers {
  /** `SHAPE_…`, `TRAIL_…` */
  readonly shape: number
  readonly trail: number
  readonly refs: number
  readonly fixedBytes: number
  /** Of SHAPE_MASK. */
  readonly mask: number
  /** Of SHAPE_LIST: offsets of the references in the fixed part. */
  readonly offsets: readonly number[]
  readonly elementBytes: number
  readonly elementMask: number
}

/** The bits of a mask as offsets of words. */
function offsetsOfMask(mask: number): number[] {
  const offsets: number[] = []
  for (let bit = 0; bit < 32; bit++) if (((mask >>> bit) & 1) !== 0) offsets.push(4 * bit)
  return offsets
}

function maskFits(mask: number, bytes: number): boolean {
  return 4 * (32 - Math.clz32(mask)) <= bytes
}

function listFits({ offsets, refs, fixedBytes }: TypeNumbers): boolean {
  return (
    offsets.length === refs &&
    offsets.every((at, i) => at % 4 === 0 && at + 4 <= fixedBytes && (i === 0 || at > (offsets[i - 1] as number)))
  )
}

/** Whether the numbers fit each other, and their objects refer strongly if at all: what an image may have. */
export function isStrongType(type: TypeNumbers): boolean {
  const { shape, trail, refs, fixedBytes, mask, offsets, elementBytes, elementMask } = type
  if (fixedBytes > FIXED_MAX_BYTES || refs > REFS_MAX || elementBytes > ELEMENT_MAX_BYTES) return false
  if (trail > TRAIL_MIXED || (trail === TRAIL_NONE) !== (elementBytes === 0)) return false
  if (trail >= TRAIL_REFS && (fixedBytes % 4 !== 0 || elementBytes % 4 !== 0)) return false
  if (trail === TRAIL_REFS && elementBytes !== 4) return false
  if (trail === TRAIL_MIXED ? !maskFits(elementMask, elementBytes) : elementMask !== 0) return false
  if ((shape !== SHAPE_MASK && mask !== 0) || (shape !== SHAPE_LIST && offsets.length !== 0)) return false
  const hasPlainTrail = trail < TRAIL_REFS
  if (shape === SHAPE_LEAF) return hasPlainTrail && refs === 0
  if (shape === SHAPE_MASK) return hasPlainTrail && refs === 0 && maskFits(mask, fixedBytes)
  if (shape === SHAPE_LIST) return hasPlainTrail && listFits(type)
  const hasTrailOfShape =
    (shape === SHAPE_WIDE && trail === TRAIL_BYTES && elementBytes === WIDE_BYTES && fixedBytes % WIDE_BYTES === 0) ||
    (shape === SHAPE_PREFIX && hasPlainTrail) ||
    (shape === SHAPE_REFS && trail === TRAIL_REFS) ||
    (shape === SHAPE_MIXED && trail === TRAIL_MIXED)
  return hasTrailOfShape && 4 * refs <= fixedBytes
}

/** Whether a payload of `bytes` is the fixed part and a whole number of elements. */
export function payloadFits({ fixedBytes, elementBytes }: TypeNumbers, bytes: number): boolean {
  if (bytes === fixedBytes) return true
  return (
    elementBytes !== 0 && bytes > fixedBytes && bytes <= OBJECT_MAX_BYTES && (bytes - fixedBytes) % elementBytes === 0
  )
}

/** Where the references of a type's objects may be: any word may be there, see `kernel/value-layout.ts`. */
export class ReferenceMap {
  readonly fixedBytes: number
  /** Offsets in the fixed part. */
  readonly offsets: readonly number[]
  readonly elementBytes: number
  /** Offsets in each element of the trailing array. */
  readonly elementOffsets: readonly number[]
  /** Elements are wide values: they have a word only where they say so. */
  readonly isWide: boolean

  constructor(type: TypeNumbers) {
    this.fixedBytes = type.fixedBytes
    this.elementBytes = type.elementBytes
    if (type.shape === SHAPE_MASK) this.offsets = offsetsOfMask(type.mask)
    else if (type.shape === SHAPE_LIST) this.offsets = type.offsets
    else this.offsets = Array.from({ length: type.refs }, (_, i) => 4 * i)
    this.isWide = type.shape === SHAPE_WIDE
    this.elementOffsets = type.trail === TRAIL_REFS || this.isWide ? [0] : offsetsOfMask(type.elementMask)
  }

  /** Call `visit` with the offset of each word in a payload of `bytes` that may be a reference; `wordAt` reads it. */
  visit(bytes: number, wordAt: (offset: number) => number, visit: (offset: number) => void): void {
    for (const offset of this.offsets) visit(offset)
    if (this.elementOffsets.length === 0) return
    for (let at = this.fixedBytes; at < bytes; at += this.elementBytes) {
      if (this.isWide && wordAt(at + 4) !== WIDE_REFERENCE) continue
      for (const offset of this.elementOffsets) visit(at + offset)
    }
  }

  /** The same for the same layout, however the kernel was told of it. */
  toString(): string {
    const elements = this.isWide ? 'wide' : this.elementOffsets
    return `${this.fixedBytes}[${this.offsets}]${this.elementBytes}[${elements}]`
  }
}

/** Words that a type's description calls `ref`: they are null or a reference. Where it says nothing, any word may be. */
export class DescribedRefs {
  readonly #fixedBytes: number
  readonly #elementBytes: number
  readonly #offsets: ReadonlySet<number>
  readonly #elementOffsets: ReadonlySet<number>

  constructor({ fixedBytes, elementBytes }: TypeNumbers, description: string) {
    this.#fixedBytes = fixedBytes
    this.#elementBytes = elementBytes
    // The array is the last field, and no name has these signs.
    const array = description.indexOf(':[')
    const element = array < 0 ? '' : description.slice(array + 2)
    this.#offsets = refOffsets(array < 0 ? description : description.slice(0, array))
    this.#elementOffsets = /^ref(?:\([^()]*\))?\]/.test(element) ? new Set([0]) : refOffsets(element)
  }

  /** Whether the word at `offset` of a payload is one. */
  has(offset: number): boolean {
    if (offset < this.#fixedBytes) return this.#offsets.has(offset)
    return this.#elementOffsets.has((offset - this.#fixedBytes) % this.#elementBytes)
  }
}

function refOffsets(fields: string): ReadonlySet<number> {
  return new Set(Array.from(fields.matchAll(/:ref(?:\([^()]*\))?@(\d+)/g), ([, offset]) => Number(offset)))
}

/** Whether objects of two types have the same sizes, and their references, weak or strong, in the same places. */
export function haveSameLayout(a: TypeNumbers, b: TypeNumbers): boolean {
  return isStrongType(a) === isStrongType(b) && String(new ReferenceMap(a)) === String(new ReferenceMap(b))
}
