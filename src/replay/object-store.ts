/**
 * The blocks of a trace as objects of a collecting heap, through the kernel's own calls (docs/objects.md). Each is an
 * object of bytes; the root of its slot holds it until its free drops it, and then it is the collector's.
 *
 *   slot  ->  root: a word that the collector reads and updates  ->  object
 *
 * The roots are made at the start, at the low end of the memory, and stay: dropping is writing null into a root's word. So
 * a free costs a store, as it does in a program whose variables are the roots. Where a limit leaves no room for all of
 * them, the others are made when they are needed. No reference is kept here, for any allocation may move
 * all objects.
 */

import { FLAG_NURSERY, HEAP_FLAGS_AT, HEAP_SPACE_AT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../../kernel/layout.js'
import {
  COLLECT_COMPACT,
  COLLECT_FULL,
  OBJECT_HEADER_BYTES,
  OBJECT_MAX_BYTES,
  ROOT_STRONG,
  SHAPE_LEAF,
  SPACE_COLLECTIONS_AT,
  SPACE_LIVE_OBJECTS_AT,
  SPACE_MINORS_AT,
  SPACE_STATUS_AT,
  TRAIL_BYTES,
  TYPE_MASK,
} from '../../kernel/object-layout.js'
import type { Heap } from '../heap.js'
import { ReplayError } from './replay-error.js'
import type { MapBlock } from './sample.js'
import type { Store } from './store.js'

/** What an emptied heap may hold beyond a new one with its roots: a chunk that is begun. */
const SLACK_BYTES = 1 << 20

export class ObjectStore implements Store {
  readonly #heap: Heap
  readonly #raw: Heap['raw']
  readonly #type: number
  /** Address of the object space. */
  readonly #space: number
  readonly #hasNursery: boolean
  /** Held by the heap when it had its roots and nothing else. */
  readonly #committedBytes: number
  /** By slot: address of its root's word, 0 while it has none. */
  readonly #roots: Uint32Array
  /** The view of the memory; taken afresh after whatever may grow it. */
  #words: Uint32Array
  /** Collections when the heap last counted its objects for us. */
  #settledAt = -1

  constructor(heap: Heap, slotCount: number) {
    this.#heap = heap
    this.#raw = heap.raw
    this.#type = heap.raw.typeAdd(0, 0, SHAPE_LEAF, TRAIL_BYTES, 0, 0, 0, 1, 0)
    this.#words = heap.raw.u32
    this.#space = this.#wordAt(heap.base + HEAP_SPACE_AT)
    this.#hasNursery = (this.#wordAt(heap.base + HEAP_FLAGS_AT) & FLAG_NURSERY) !== 0
    this.#roots = new Uint32Array(slotCount)
    if (this.#type === 0)
      throw new ReplayError(`the heap refused a type with status ${this.#spaceWord(SPACE_STATUS_AT)}`)
    for (let slot = 0; slot < slotCount; slot++) if (this.#addRoot(slot) === 0) break
    this.#committedBytes = heap.stats().committedBytes
  }

  // ---- events -----------------------------------------------------------------------------------------------------

  alloc(slot: number, bytes: number): boolean {
    const root = this.#roots[slot] || this.#addRoot(slot)
    if (root === 0) return false
    const reference = this.#allocate(bytes)
    if (reference === 0) return false
    this.#words[root >>> 2] = reference
    return true
  }

  /** A new object; the old one is read from its root afterwards, since it may have moved meanwhile. */
  realloc(slot: number, bytes: number): boolean {
    const reference = this.#allocate(bytes)
    if (reference === 0) return false
    const old = this.addressOf(slot)
    this.#raw.u8.copyWithin(reference, old, old + Math.min(bytes, this.#payloadBytes(old)))
    this.#words[(this.#roots[slot] as number) >>> 2] = reference
    return true
  }

  free(slot: number): void {
    const root = this.#roots[slot] as number
    if (root !== 0) this.#words[root >>> 2] = 0
  }

  /** A new object that nothing holds yet; 0 when out of memory. */
  #allocate(bytes: number): number {
    // Longer than any object: no heap can serve it.
    if (bytes > OBJECT_MAX_BYTES) return 0
    const reference = this.#raw.objectNew(this.#type, bytes) >>> 0
    if (this.#words.length === 0) this.#words = this.#raw.u32
    if (reference === 0) this.#expectOutOfMemory()
    return reference
  }

  /** The root of a slot; 0 when there is no room for it, whatever is collected. */
  #addRoot(slot: number): number {
    let root = this.#raw.rootAdd(ROOT_STRONG, 0) >>> 0
    for (const kind of [COLLECT_FULL, COLLECT_COMPACT]) {
      if (root !== 0) break
      this.#expectOutOfMemory()
      this.#raw.collect(kind)
      root = this.#raw.rootAdd(ROOT_STRONG, 0) >>> 0
    }
    this.#words = this.#raw.u32
    this.#roots[slot] = root
    return root
  }

  #expectOutOfMemory(): void {
    const status = this.#spaceWord(SPACE_STATUS_AT)
    if (status !== STATUS_OUT_OF_MEMORY) throw new ReplayError(`the heap refused an object with status ${status}`)
  }

  // ---- looking ----------------------------------------------------------------------------------------------------

  addressOf(slot: number): number {
    const root = this.#roots[slot] as number
    return root === 0 ? 0 : this.#wordAt(root)
  }

  usableBytes(slot: number): number {
    const reference = this.addressOf(slot)
    // Whether an object starts there at all is for `heap.verify()`, which looks at every root.
    if ((this.#wordAt(reference - OBJECT_HEADER_BYTES) & TYPE_MASK) !== this.#type) {
      throw new ReplayError(`the root of slot ${slot} holds 0x${reference.toString(16)}, where no object of ours is`)
    }
    return this.#payloadBytes(reference)
  }

  #payloadBytes(reference: number): number {
    return this.#wordAt(reference - 4)
  }

  get collections(): number {
    return this.#spaceWord(SPACE_COLLECTIONS_AT) + (this.#hasNursery ? this.#spaceWord(SPACE_MINORS_AT) : 0)
  }

  /** Known from a collection until the next event. */
  get countedBlocks(): number | undefined {
    return this.#settledAt === this.collections ? this.#spaceWord(SPACE_LIVE_OBJECTS_AT) : undefined
  }

  *blocks(): Iterable<MapBlock> {
    const references = Uint32Array.from(this.#roots.keys(), (slot) => this.addressOf(slot)).sort()
    for (const address of references) {
      if (address !== 0) yield { address, usableBytes: this.#payloadBytes(address), kind: 'object' }
    }
  }

  // ---- the end ----------------------------------------------------------------------------------------------------

  settle(): void {
    this.#collect(COLLECT_FULL)
  }

  /** Without a root no object is left, and the heap holds little more than its roots. */
  findLeftovers(): string[] {
    this.#collect(COLLECT_COMPACT)
    const leftovers: string[] = []
    if (this.#raw.nextObject(0) !== 0) leftovers.push('an object is left')
    const { liveObjectBytes, objectBytes, committedBytes } = this.#heap.stats()
    if (liveObjectBytes !== 0) leftovers.push(`${liveObjectBytes} bytes of objects are in use`)
    // A buffer is held as a whole, always.
    if (committedBytes > this.#committedBytes + SLACK_BYTES)
      leftovers.push(`${committedBytes} bytes are held, of which ${objectBytes} for objects`)
    return leftovers
  }

  #collect(kind: number): void {
    const status = this.#raw.collect(kind)
    this.#words = this.#raw.u32
    if (status !== STATUS_OK) throw new ReplayError(`the heap refused to collect with status ${status}`)
    this.#settledAt = this.collections
  }

  #wordAt(address: number): number {
    return this.#words[address >>> 2] as number
  }

  #spaceWord(at: number): number {
    if (this.#words.length === 0) this.#words = this.#raw.u32
    return this.#wordAt(this.#space + at)
  }
}
