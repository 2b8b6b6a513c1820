/**
 * The objects of a heap as nodes, and what they refer to as edges. Two walks: the first makes the nodes, the second
 * reads the words of each object where its type says that references may be. A word is an edge when an object is where
 * it leads; any other word is the program's own.
 */
import { TYPE_MASK } from '../../kernel/object-layout.js'
import { COUNTED_HEADER_BYTES, WIDE_REFERENCE } from '../../kernel/value-layout.js'
import type { HeapCore } from '../core.js'
import { CorruptionError } from '../errors.js'
import type { ObjectSpace } from '../objects/space.js'
import type { SnapshotBuilder } from './builder.js'
import { WEAK_ENTRY_BYTES, WEAK_TABLE_HEAD_BYTES, WEAK_VALUE_AT } from './kernel-fields.js'
import type { PlaceMap } from './place-map.js'
import { type TypePlan, TypePlans, type WordPlace } from './type-plans.js'
import { type Label, type ObjectReader, stringText, ValueNames } from './value-names.js'

const OBJECT_HEADER_BYTES = 8
const FLOAT = '#float'
const STRING = '#string'

export interface ObjectNodeOptions {
  /** Most bytes of UTF-8 of a string's text; undefined: texts are left out. */
  readonly textMaxBytes: number | undefined
  /** Told of each object: where its header is and what it takes. */
  readonly onObject: (header: number, bytes: number) => void
  /** Node by address, of the objects of all heaps of the snapshot: a tenant's may refer to those around it. */
  readonly nodes: PlaceMap
}

export class ObjectNodes implements ObjectReader {
  readonly #core: HeapCore
  readonly #space: ObjectSpace
  readonly #builder: SnapshotBuilder
  readonly #options: ObjectNodeOptions
  readonly #plans: TypePlans
  readonly #names: ValueNames
  readonly #nodes: PlaceMap
  /** By object, in the order of their nodes, which stand side by side. */
  readonly #references: number[] = []
  #u32: Uint32Array
  #first = 0

  constructor(core: HeapCore, space: ObjectSpace, builder: SnapshotBuilder, options: ObjectNodeOptions) {
    this.#core = core
    this.#space = space
    this.#builder = builder
    this.#options = options
    this.#nodes = options.nodes
    this.#plans = new TypePlans(space)
    this.#names = new ValueNames(this)
    this.#u32 = core.views.u32
  }

  get count(): number {
    return this.#references.length
  }

  /** Node number of the first object, and reference of object `i`. */
  get first(): number {
    return this.#first
  }

  reference(i: number): number {
    return this.#references[i] as number
  }

  /** The node of the object at a reference, -1 when no object is there. Any word may be asked. */
  nodeOf(word: number): number {
    return this.#nodes.get(word)
  }

  // ---- reading ------------------------------------------------------------------------------------------------------

  word(address: number): number {
    return this.#u32[address >>> 2] as number
  }

  text(reference: number): string | undefined {
    const { textMaxBytes } = this.#options
    if (textMaxBytes === undefined) return undefined
    return stringText(this.#core.views.u8, reference, this.word(reference - 4), textMaxBytes)
  }

  typeName(reference: number): string | undefined {
    return this.nodeOf(reference) < 0 ? undefined : this.#planOf(reference).name
  }

  #planOf(reference: number): TypePlan {
    return this.#plans.of(this.word(reference - OBJECT_HEADER_BYTES) & TYPE_MASK)
  }

  // ---- nodes --------------------------------------------------------------------------------------------------------

  addNodes(): void {
    const kernel = this.#core.plainKernel
    this.#first = this.#builder.nodeCount
    this.#core.views.refresh()
    this.#u32 = this.#core.views.u32
    for (let at = kernel.nextObject(0) >>> 0; at !== 0; at = kernel.nextObject(at) >>> 0) this.#addNode(at)
    for (const reference of this.#references) {
      const plan = this.#planOf(reference)
      if (plan.name.startsWith('#')) this.#names.note(reference, plan)
    }
  }

  #addNode(reference: number): void {
    const plan = this.#planOf(reference)
    if (reference + this.word(reference - 4) > this.#core.views.u8.length) {
      throw new CorruptionError(reference, 'an object is longer than the memory')
    }
    const bytes = this.#bytesOf(reference)
    this.#nodes.set(reference, this.#builder.nodeCount)
    this.#references.push(reference)
    this.#builder.addNode(plan.nodeType, this.#nameOf(reference, plan), reference + 1, bytes)
    this.#options.onObject(reference - OBJECT_HEADER_BYTES, bytes)
  }

  /** What an object takes: with its header and the padding behind it, or a counted one's whole block. */
  #bytesOf(reference: number): number {
    if (this.#space.isCounted) return this.#core.plainKernel.usableSize(reference - COUNTED_HEADER_BYTES) >>> 0
    const grain = this.#space.grainBytes
    return Math.ceil((this.word(reference - 4) + OBJECT_HEADER_BYTES) / grain) * grain
  }

  #nameOf(reference: number, { name }: TypePlan): string {
    if (name === STRING) return this.text(reference) ?? STRING
    if (name !== FLOAT || this.#options.textMaxBytes === undefined) return name
    return String(this.#core.views.data.getFloat64(reference, true))
  }

  // ---- edges --------------------------------------------------------------------------------------------------------

  addEdges(): void {
    for (let i = 0; i < this.#references.length; i++) {
      const reference = this.#references[i] as number
      const plan = this.#planOf(reference)
      if (plan.isLeaf) continue
      if (plan.isEphemerons) this.#addEphemerons(reference, this.#first + i)
      else this.#addReferences(reference, this.#first + i, plan)
    }
  }

  #addReferences(reference: number, from: number, plan: TypePlan): void {
    const { fixed, fixedBytes, element, elementBytes, isWide } = plan
    for (let n = 0; n < fixed.length; n++) this.#addWord(reference, from, plan, fixed[n] as WordPlace, 0, n)
    if (element.length === 0) return
    // Fields without a name have indices; those of elements go on from there.
    const before = plan.fixed.some(({ name }) => name === undefined) ? fixed.length : 0
    const bytes = this.word(reference - 4)
    for (let at = fixedBytes, index = 0; at < bytes; at += elementBytes, index++) {
      if (isWide && this.word(reference + at + 4) !== WIDE_REFERENCE) continue
      for (const place of element) this.#addWord(reference, from, plan, place, at, before + index)
    }
  }

  /** The edge of the word at `place` behind `base`, if it is a reference; `index` is its name where it has none. */
  #addWord(reference: number, from: number, plan: TypePlan, place: WordPlace, base: number, index: number): void {
    const offset = base + place.offset
    const to = this.nodeOf(this.word(reference + offset))
    if (to < 0) return
    if (plan.isWeak) this.#builder.addEdge('weak', place.name ?? 'target', from, to)
    else if (plan.name.startsWith('#')) this.#addLabelled(this.#names.label(reference, plan, offset), from, to, index)
    else if (place.name === undefined) this.#builder.addElement(index, from, to)
    else this.#builder.addEdge('property', base === 0 ? place.name : `[${index}].${place.name}`, from, to)
  }

  #addLabelled(label: Label | undefined, from: number, to: number, index: number): void {
    const name = label?.name ?? index
    if (typeof name === 'number') this.#builder.addElement(name, from, to)
    else this.#builder.addEdge(label?.type === 'internal' ? 'internal' : 'property', name, from, to)
  }

  /**
   * A value lives as long as both its key and the table do. The edges are called as V8 calls its own, so that readers
   * of its files take the one from the table for what it is: no reason for the value to live by itself.
   */
  #addEphemerons(table: number, from: number): void {
    const bytes = this.word(table - 4)
    for (let at = WEAK_TABLE_HEAD_BYTES, i = 0; at + WEAK_ENTRY_BYTES <= bytes; at += WEAK_ENTRY_BYTES, i++) {
      const key = this.word(table + at)
      const value = this.word(table + at + WEAK_VALUE_AT)
      const keyNode = this.nodeOf(key)
      if (keyNode < 0) continue
      this.#builder.addEdge('weak', `key ${i}`, from, keyNode)
      const valueNode = this.nodeOf(value)
      if (valueNode < 0) continue
      const [keyText, valueText] = [key, value].map((at) => `${this.typeName(at)} @${at + 1}`)
      const name = `${i} / part of key (${keyText}) -> value (${valueText}) pair in WeakMap (table @${table + 1})`
      this.#builder.addEdge('internal', name, from, valueNode)
      this.#builder.addEdge('internal', name, keyNode, valueNode)
    }
  }
}
