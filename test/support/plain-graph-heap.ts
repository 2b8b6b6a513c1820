/**
 * A `GraphHeap` of plain JavaScript objects, with the habits of the worst collector: each collection moves everything,
 * one runs before every third allocation, and a reference from before leads nowhere. Tests may reach into it and spoil
 * what it holds.
 */

import type { Census, GraphHeap, Reference, Root } from '../../src/graph/graph-heap.js'
import { fillPattern, findDamage } from '../../src/replay/pattern.js'

export interface PlainObject {
  references: Reference[]
  raw: Uint32Array
  rawBytes: number
  /** Of a weak reference: what it refers to. */
  target?: Reference
}

export class PlainGraphHeap implements GraphHeap {
  objects = new Map<Reference, PlainObject>()
  readonly roots: Reference[] = []
  collections = 0
  /** Allocations that succeed. */
  allocationsLeft = Number.POSITIVE_INFINITY
  fault: string | undefined
  /** Added to what the collector says it counted. */
  miscounted = 0
  #allocations = 0
  #next = 16

  allocate(references: number, rawBytes: number): Reference {
    const raw = new Uint32Array(Math.ceil(rawBytes / 4))
    return this.add({ references: new Array(references).fill(0), raw, rawBytes })
  }

  allocateWeak(target: Root): Reference {
    const weak = this.add({ references: [], raw: new Uint32Array(0), rawBytes: 0 })
    if (weak !== 0) this.get(weak).target = this.rootObject(target)
    return weak
  }

  add(object: PlainObject): Reference {
    if (this.#allocations++ >= this.allocationsLeft) return 0
    if (this.#allocations % 3 === 0 && this.#allocations < 300) this.collect()
    const reference = this.#place()
    this.objects.set(reference, object)
    return reference
  }

  get(reference: Reference): PlainObject {
    const object = this.objects.get(reference)
    if (!object) throw new Error(`${reference} is no object: kept over a collection?`)
    return object
  }

  addRoot(object: Reference): Root {
    return this.roots.push(object) - 1
  }

  removeRoot(root: Root): void {
    this.roots[root] = 0
  }

  rootObject(root: Root): Reference {
    return this.roots[root] as number
  }

  setRootObject(root: Root, object: Reference): void {
    this.roots[root] = object
  }

  reference(object: Reference, index: number): Reference {
    const found = this.get(object).references[index]
    if (found === undefined) throw new Error(`object ${object} has no reference ${index}`)
    return found
  }

  setReference(object: Reference, index: number, to: Reference): void {
    this.reference(object, index)
    if (to !== 0) this.get(to)
    this.get(object).references[index] = to
  }

  weakTarget(weak: Reference): Reference {
    return this.get(weak).target as number
  }

  fillRawBytes(object: Reference, id: number): void {
    const { raw, rawBytes } = this.get(object)
    fillPattern(raw, 0, 0, rawBytes, id)
  }

  findDamage(object: Reference, id: number): number {
    const { raw, rawBytes } = this.get(object)
    return findDamage(raw, 0, 0, rawBytes, id)
  }

  isObject(reference: Reference): boolean {
    return this.objects.has(reference) && this.get(reference).target === undefined
  }

  isWeak(reference: Reference): boolean {
    return this.objects.get(reference)?.target !== undefined
  }

  referenceCount(object: Reference): number {
    return this.get(object).references.length
  }

  rawBytes(object: Reference): number {
    return this.get(object).rawBytes
  }

  collect(): void {
    this.collections++
    const moved = new Map<Reference, Reference>([[0, 0]])
    const waiting = this.roots.filter((reference) => reference !== 0)
    const live = new Map<Reference, PlainObject>()
    for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
      if (moved.has(from)) continue
      const to = this.#place()
      moved.set(from, to)
      live.set(to, this.get(from))
      for (const reference of this.get(from).references) waiting.push(reference)
    }
    for (const object of live.values()) {
      object.references = object.references.map((reference) => moved.get(reference) as number)
      if (object.target !== undefined) object.target = moved.get(object.target) ?? 0
    }
    this.roots.forEach((reference, i) => {
      this.roots[i] = moved.get(reference) as number
    })
    this.objects = live
  }

  compact(): number {
    this.collect()
    return this.objects.size
  }

  census(): Census {
    let weakReferences = 0
    for (const { target } of this.objects.values()) if (target !== undefined) weakReferences++
    return { objects: this.objects.size - weakReferences, weakReferences, counted: this.objects.size + this.miscounted }
  }

  committedBytes(): number {
    return this.objects.size * 16
  }

  verify(): string | undefined {
    return this.fault
  }

  #place(): Reference {
    this.#next += 16
    return this.#next
  }
}
