/**
 * A `GraphHeap` over the objects of a heap in a collecting mode, through the kernel's own calls (docs/objects.md).
 *
 *   object     [ reference ] ... [ raw bytes ]          one type for each number of references
 *   or, with more references than a type can have in front,
 *              [ raw bytes ][ reference ] ...           one type for each number of raw bytes
 */

import { FLAG_NURSERY, HEAP_FLAGS_AT, HEAP_SPACE_AT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../../kernel/layout.js'
import {
  COLLECT_COMPACT,
  COLLECT_FULL,
  OBJECT_HEADER_BYTES,
  OBJECT_MAX_BYTES,
  ROOT_STRONG,
  SHAPE_PREFIX,
  SHAPE_REFS,
  SPACE_LIVE_OBJECTS_AT,
  SPACE_MOVED_AT,
  SPACE_STATUS_AT,
  TRAIL_BYTES,
  TRAIL_REFS,
  TYPE_MASK,
  TYPE_WEAK_REF,
} from '../../kernel/object-layout.js'
import { fillPattern, findDamage } from '../replay/pattern.js'
import type { VerifyResult } from '../types.js'
import { REFERENCE_BYTES, REFERENCES_IN_FRONT_MAX } from './graph.js'
import { type Census, GraphError, type GraphHeap, type Reference, type Root } from './graph-heap.js'

/** The calls of the kernel that a graph needs, and the current view. */
export interface ObjectCalls {
  typeAdd(
    textAt: number,
    textBytes: number,
    shape: number,
    trail: number,
    refs: number,
    fixedBytes: number,
    refMask: number,
    elementBytes: number,
    elementMask: number,
  ): number
  objectNew(type: number, payloadBytes: number): number
  weakRefNew(slot: number): number
  weakRefGet(reference: number): number
  rootAdd(kind: number, value: number): number
  rootRemove(kind: number, slot: number): number
  storeReference(holder: number, slot: number, reference: number): void
  collect(kind: number): number
  nextObject(reference: number): number
  readonly u32: Uint32Array
}

/** What it needs of `Heap`. */
export interface HeapOfObjects {
  readonly raw: ObjectCalls
  readonly base: number
  stats(): { readonly committedBytes: number }
  verify(): VerifyResult
}

export class ObjectGraphHeap implements GraphHeap {
  readonly #heap: HeapOfObjects
  readonly #raw: ObjectCalls
  readonly #hasBarrier: boolean
  /** Type by number of references in front, and by number of raw bytes in front. */
  readonly #typesByReferences = new Map<number, number>()
  readonly #typesByRawBytes = new Map<number, number>()
  /** Bytes in front of the trailing array, by type of ours; and where its references begin: in front, or there. */
  readonly #fixedBytes: number[] = []
  readonly #referencesFrom: number[] = []
  /** Where objects start, once asked for; forgotten after whatever may move some. */
  #starts: Set<number> | undefined
  /** The view of the memory; taken afresh after whatever may grow it. */
  #words: Uint32Array

  constructor(heap: HeapOfObjects) {
    this.#heap = heap
    this.#raw = heap.raw
    this.#words = heap.raw.u32
    this.#hasBarrier = (this.#word(heap.base + HEAP_FLAGS_AT) & FLAG_NURSERY) !== 0
  }

  // ---- making -----------------------------------------------------------------------------------------------------

  allocate(references: number, rawBytes: number): Reference {
    const payloadBytes = references * REFERENCE_BYTES + rawBytes
    if (payloadBytes > OBJECT_MAX_BYTES) {
      throw new GraphError(`an object of ${payloadBytes} bytes is longer than any that a heap takes`)
    }
    const type =
      references > REFERENCES_IN_FRONT_MAX ? this.#typeByRawBytes(rawBytes) : this.#typeByReferences(references)
    return type === 0 ? 0 : this.#answer(this.#raw.objectNew(type, payloadBytes))
  }

  #typeByReferences(references: number): number {
    const known = this.#typesByReferences.get(references)
    if (known !== undefined) return known
    const fixedBytes = references * REFERENCE_BYTES
    const type = this.#raw.typeAdd(0, 0, SHAPE_PREFIX, TRAIL_BYTES, references, fixedBytes, 0, 1, 0)
    if (this.#answer(type) === 0) return 0
    this.#typesByReferences.set(references, type)
    this.#fixedBytes[type] = fixedBytes
    this.#referencesFrom[type] = 0
    return type
  }

  #typeByRawBytes(rawBytes: number): number {
    const known = this.#typesByRawBytes.get(rawBytes)
    if (known !== undefined) return known
    const type = this.#raw.typeAdd(0, 0, SHAPE_REFS, TRAIL_REFS, 0, rawBytes, 0, REFERENCE_BYTES, 0)
    if (this.#answer(type) === 0) return 0
    this.#typesByRawBytes.set(rawBytes, type)
    this.#fixedBytes[type] = rawBytes
    this.#referencesFrom[type] = rawBytes
    return type
  }

  allocateWeak(target: Root): Reference {
    return this.#answer(this.#raw.weakRefNew(target))
  }

  /** After a call that may have grown the memory. A refusal for any other reason than memory is an error. */
  #answer(answer: number): number {
    this.#words = this.#raw.u32
    this.#starts = undefined
    if (answer !== 0) return answer >>> 0
    const status = this.#spaceWord(SPACE_STATUS_AT)
    if (status !== STATUS_OUT_OF_MEMORY) throw new GraphError(`the heap refused an object with status ${status}`)
    return 0
  }

  // ---- roots ------------------------------------------------------------------------------------------------------

  addRoot(object: Reference): Root {
    const root = this.#answer(this.#raw.rootAdd(ROOT_STRONG, object))
    if (root === 0) throw new GraphError('out of memory: no room for a root')
    return root
  }

  removeRoot(root: Root): void {
    const status = this.#raw.rootRemove(ROOT_STRONG, root)
    if (status !== STATUS_OK) throw new GraphError(`the heap refused to remove a root with status ${status}`)
  }

  rootObject(root: Root): Reference {
    return this.#word(root)
  }

  setRootObject(root: Root, object: Reference): void {
    this.#words[root >>> 2] = object
  }

  // ---- contents ---------------------------------------------------------------------------------------------------

  reference(object: Reference, index: number): Reference {
    return this.#word(this.#referencesAt(object) + index * REFERENCE_BYTES)
  }

  /** The one place where a reference is stored into an object: through the barrier, in the modes that have one. */
  setReference(object: Reference, index: number, to: Reference): void {
    const slot = this.#referencesAt(object) + index * REFERENCE_BYTES
    if (!this.#hasBarrier) {
      this.#words[slot >>> 2] = to
      return
    }
    this.#raw.storeReference(object, slot, to)
    if (this.#words.length === 0) this.#words = this.#raw.u32
  }

  weakTarget(weak: Reference): Reference {
    const target = this.#raw.weakRefGet(weak) >>> 0
    // While a cycle goes on the target is marked, and the stack of that may grow.
    this.#words = this.#raw.u32
    return target
  }

  fillRawBytes(object: Reference, id: number): void {
    const [from, to] = this.#rawRange(object)
    fillPattern(this.#words, object, from, to, id)
  }

  findDamage(object: Reference, id: number): number {
    const [from, to] = this.#rawRange(object)
    return findDamage(this.#words, object, from, to, id)
  }

  isObject(reference: Reference): boolean {
    return this.#isStart(reference) && this.#fixedBytes[this.#typeOf(reference)] !== undefined
  }

  isWeak(reference: Reference): boolean {
    return this.#isStart(reference) && this.#typeOf(reference) === TYPE_WEAK_REF
  }

  /**
   * Whether an object starts there: by a walk over all of them, kept until the next call that may move. The buffer of
   * `embedded` has no map, so each question to the kernel would be a walk of its own.
   */
  #isStart(reference: Reference): boolean {
    if (this.#starts === undefined) {
      this.#starts = new Set()
      const { nextObject } = this.#raw
      for (let at = nextObject(0) >>> 0; at !== 0; at = nextObject(at) >>> 0) this.#starts.add(at)
    }
    return this.#starts.has(reference)
  }

  referenceCount(object: Reference): number {
    const [from, to] = this.#rawRange(object)
    return (this.#payloadBytes(object) - (to - from)) / REFERENCE_BYTES
  }

  rawBytes(object: Reference): number {
    const [from, to] = this.#rawRange(object)
    return to - from
  }

  #referencesAt(object: Reference): number {
    return object + (this.#referencesFrom[this.#typeOf(object)] as number)
  }

  /** Offsets of an object's raw bytes: the trailing array, or what stands in front of one of references. */
  #rawRange(object: Reference): [from: number, to: number] {
    const type = this.#typeOf(object)
    const fixedBytes = this.#fixedBytes[type] as number
    const isInFront = this.#typesByRawBytes.get(fixedBytes) === type
    return isInFront ? [0, fixedBytes] : [fixedBytes, this.#payloadBytes(object)]
  }

  #typeOf(object: Reference): number {
    return this.#word(object - OBJECT_HEADER_BYTES) & TYPE_MASK
  }

  #payloadBytes(object: Reference): number {
    return this.#word(object - 4)
  }

  // ---- the whole --------------------------------------------------------------------------------------------------

  collect(): void {
    this.#collect(COLLECT_FULL)
  }

  compact(): number {
    this.#collect(COLLECT_COMPACT)
    return this.#spaceWord(SPACE_MOVED_AT)
  }

  #collect(kind: number): void {
    const status = this.#raw.collect(kind)
    this.#words = this.#raw.u32
    this.#starts = undefined
    if (status === STATUS_OUT_OF_MEMORY) throw new GraphError('out of memory: no room to collect in')
    if (status !== STATUS_OK) throw new GraphError(`the heap refused to collect with status ${status}`)
  }

  census(): Census {
    let objects = 0
    let weakReferences = 0
    const { nextObject } = this.#raw
    for (let object = nextObject(0) >>> 0; object !== 0; object = nextObject(object) >>> 0) {
      if (this.#typeOf(object) === TYPE_WEAK_REF) weakReferences++
      else objects++
    }
    return { objects, weakReferences, counted: this.#spaceWord(SPACE_LIVE_OBJECTS_AT) }
  }

  committedBytes(): number {
    return this.#heap.stats().committedBytes
  }

  verify(): string | undefined {
    const { ok, fault } = this.#heap.verify()
    return ok ? undefined : (fault ?? 'no reason given')
  }

  #word(address: number): number {
    return this.#words[address >>> 2] as number
  }

  #spaceWord(at: number): number {
    return this.#word(this.#word(this.#heap.base + HEAP_SPACE_AT) + at)
  }
}
