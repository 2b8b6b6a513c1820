/**
 * A random program on a `manual` heap, and a mirror of it that counts by itself.
 *
 * The mirror knows who refers to whom: fields, scopes, roots, the program's own references. What nobody reaches may
 * have been released by a trial at any time, so it is taken out of the mirror when it is gone from the heap; all else
 * must be there, with exactly the counts of the mirror. While a trial goes on, garbage that is being taken apart may
 * still count: then counts must be at least those from what can be reached.
 */

import { HEAP_SPACE_AT } from '../../kernel/layout.js'
import { SPACE_TRIAL_PHASE_AT, TRIAL_IDLE } from '../../kernel/value-layout.js'
import { array, type Heap, i32, OutOfMemoryError, type Root, ref, type Scope, struct } from '../../src/index.js'
import { random } from './random.js'

const Pair = struct('Pair', { left: ref(), right: ref(), number: i32, items: array(ref()) })
const ITEMS_OFFSET = Pair.trailing?.offset as number
const OBJECTS_MAX = 80

interface Mirrored {
  /** What it refers to, by slot; none for a block of bytes. */
  readonly slots: number[]
  /** References that the program owns. */
  own: number
  readonly number: number
}

interface OpenScope {
  readonly scope: Scope
  readonly held: number[]
}

export class CountedMirror {
  readonly #heap: Heap
  readonly #below: (below: number) => number
  readonly #objects = new Map<number, Mirrored>()
  readonly #scopes: OpenScope[] = []
  readonly #roots: { readonly root: Root; readonly reference: number }[] = []
  readonly #actions: readonly (() => void)[]

  constructor(heap: Heap, seed: number) {
    this.#heap = heap
    this.#below = random(seed)
    const { actions } = this
    this.#actions = actions
  }

  private get actions(): readonly (() => void)[] {
    const often = [() => this.#make(), () => this.#store(), () => this.#store(), () => this.#giveUp()]
    return [
      ...often,
      ...often,
      () => this.#makeBytes(),
      () => this.#take(),
      () => this.#openScope(),
      () => this.#closeScope(),
      () => this.#hold(),
      () => this.#root(),
      () => this.#dropRoot(),
      () => this.#fill(),
      () => this.#collect(),
    ]
  }

  /** One operation. */
  act(): void {
    try {
      this.#actions[this.#below(this.#actions.length)]?.()
    } catch (error) {
      // The operation that was refused has changed nothing; the comparison holds it to that.
      if (!(error instanceof OutOfMemoryError)) throw error
    }
  }

  // ---- operations -------------------------------------------------------------------------------------------------

  #make(): void {
    if (this.#reachable().size >= OBJECTS_MAX) return
    const left = this.#pickPair()
    const items = Array.from({ length: this.#below(4) }, () => this.#pickPair())
    const number = this.#below(1000)
    using _ = this.#heap.scope()
    const view = (reference: number) => (reference === 0 ? null : this.#view(reference))
    const made = this.#heap.new(Pair, { left: view(left), number, items: items.map(view) })
    this.#heap.incref(made)
    this.#add(made.reference, { slots: [left, 0, ...items], own: 1, number })
  }

  #makeBytes(): void {
    if (this.#reachable().size >= OBJECTS_MAX) return
    const reference = this.#heap.allocRefcounted(this.#below(300))
    this.#add(reference, { slots: [], own: 1, number: 0 })
  }

  #add(reference: number, made: Mirrored): void {
    // Its place may be that of garbage which has been released meanwhile.
    if (this.#objects.has(reference)) {
      if (this.#reachable().has(reference)) throw new Error(`a live object's place was given away: ${reference}`)
      this.#remove(reference)
    }
    this.#objects.set(reference, made)
  }

  /** Another word in a field or an element, by a view or by the kernel's own call. */
  #store(): void {
    const holder = this.#pickPair()
    if (holder === 0) return
    const { slots } = this.#objects.get(holder) as Mirrored
    const slot = this.#below(slots.length)
    const target = this.#below(4) === 0 ? 0 : this.#pick()
    const old = slots[slot] as number
    if (this.#below(2) === 0 || (target !== 0 && !this.#isPair(target))) {
      const at = holder + (slot < 2 ? slot * 4 : ITEMS_OFFSET + (slot - 2) * 4)
      if (this.#heap.raw.storeReference(holder, at, target) !== 0) throw new Error('a store was refused')
    } else {
      using _ = this.#heap.scope()
      const view = this.#view(holder)
      const value = target === 0 ? null : this.#view(target)
      if (slot === 0) view.left = value
      else if (slot === 1) view.right = value
      else view.items.set(slot - 2, value)
    }
    slots[slot] = target
    this.#release(old)
  }

  #fill(): void {
    const holder = this.#pickPair()
    if (holder === 0) return
    const target = this.#pickPair()
    const { slots } = this.#objects.get(holder) as Mirrored
    {
      using _ = this.#heap.scope()
      this.#view(holder).items.fill(target === 0 ? null : this.#view(target))
    }
    const old = slots.slice(2)
    slots.fill(target, 2)
    for (const one of old) this.#release(one)
  }

  #take(): void {
    const reference = this.#pick()
    if (reference === 0) return
    this.#heap.incref(reference)
    ;(this.#objects.get(reference) as Mirrored).own++
  }

  #giveUp(): void {
    const owned = [...this.#objects].filter(([, { own }]) => own > 0)
    const found = owned[this.#below(Math.max(owned.length, 1))]
    if (!found) return
    const [reference, object] = found
    this.#heap.decref(reference)
    object.own--
    this.#release(reference)
  }

  #openScope(): void {
    if (this.#scopes.length < 5) this.#scopes.push({ scope: this.#heap.scope(), held: [] })
  }

  #closeScope(): void {
    const open = this.#scopes.pop()
    open?.scope.close()
    for (const reference of open?.held ?? []) this.#release(reference)
  }

  /** A view that the innermost scope holds. */
  #hold(): void {
    const reference = this.#pickPair()
    const open = this.#scopes.at(-1)
    if (reference === 0 || !open) return
    this.#view(reference)
    open.held.push(reference)
  }

  #root(): void {
    const reference = this.#pickPair()
    if (reference === 0) return
    using _ = this.#heap.scope()
    this.#roots.push({ root: this.#heap.root(this.#view(reference)), reference })
  }

  #dropRoot(): void {
    const [found] = this.#roots.splice(this.#below(Math.max(this.#roots.length, 1)), 1)
    if (!found) return
    found.root.dispose()
    this.#release(found.reference)
  }

  #collect(): void {
    const way = this.#below(6)
    if (way > 0) this.#heap.collectCycles({ units: 1 + this.#below(40) })
    else if (this.#heap.collectCycles().isDone) this.#expectNoGarbage()
  }

  #expectNoGarbage(): void {
    this.compare()
    const { size } = this.#reachable()
    if (this.#objects.size !== size) throw new Error(`${this.#objects.size - size} objects of garbage are left`)
  }

  // ---- the mirror -------------------------------------------------------------------------------------------------

  #view(reference: number) {
    return this.#heap.view(Pair, reference)
  }

  /** An object that can be reached, mostly; or 0. */
  #pick(): number {
    const reachable = [...this.#reachable()]
    return reachable[this.#below(reachable.length + 1)] ?? 0
  }

  #pickPair(): number {
    const reference = this.#pick()
    return this.#isPair(reference) ? reference : 0
  }

  /** Whether it is an object with a view, no block of bytes. */
  #isPair(reference: number): boolean {
    return (this.#objects.get(reference)?.slots.length ?? 0) > 0
  }

  /** All that refer to something, but for objects. */
  #outside(): number[] {
    return [
      ...[...this.#objects].flatMap(([reference, { own }]) => Array.from({ length: own }, () => reference)),
      ...this.#scopes.flatMap(({ held }) => held),
      ...this.#roots.map(({ reference }) => reference),
    ]
  }

  #reachable(): Set<number> {
    const reached = new Set(this.#outside())
    for (const one of reached) for (const next of this.#objects.get(one)?.slots ?? []) if (next !== 0) reached.add(next)
    return reached
  }

  /** References to each object: from outside and from those of `holders`. */
  #counts(holders: Iterable<number>): Map<number, number> {
    const counts = new Map<number, number>()
    const count = (reference: number) => counts.set(reference, (counts.get(reference) ?? 0) + 1)
    for (const reference of this.#outside()) count(reference)
    for (const holder of holders) for (const slot of this.#objects.get(holder)?.slots ?? []) if (slot !== 0) count(slot)
    return counts
  }

  /** A reference is gone: what has none is, too. */
  #release(reference: number): void {
    if (reference !== 0 && !this.#counts(this.#objects.keys()).has(reference)) this.#remove(reference)
  }

  #remove(reference: number): void {
    const object = this.#objects.get(reference)
    this.#objects.delete(reference)
    for (const slot of object?.slots ?? []) this.#release(slot)
  }

  // ---- the comparison ---------------------------------------------------------------------------------------------

  /** Throws when heap and mirror differ. */
  compare(): void {
    const { u32 } = this.#heap.raw
    const space = u32[(this.#heap.base + HEAP_SPACE_AT) >>> 2] as number
    if (space === 0) return
    const isIdle = u32[(space + SPACE_TRIAL_PHASE_AT) >>> 2] === TRIAL_IDLE
    const reachable = this.#reachable()
    if (isIdle) this.#settle(reachable)
    const counts = this.#counts(isIdle ? this.#objects.keys() : reachable)
    for (const reference of isIdle ? this.#objects.keys() : reachable) {
      const count = this.#heap.refcount(reference)
      const expected = counts.get(reference) ?? 0
      if (isIdle ? count !== expected : count < expected) {
        throw new Error(`object ${reference} has ${count} references instead of ${expected}`)
      }
      this.#compareContents(reference)
    }
  }

  /** Forget garbage that is gone from the heap; nothing else may be, and nothing be left that the mirror has not. */
  #settle(reachable: ReadonlySet<number>): void {
    const there = new Set([...this.#heap.objects()].map(({ reference }) => reference))
    for (const reference of [...this.#objects.keys()]) {
      if (there.has(reference)) continue
      if (reachable.has(reference)) throw new Error(`object ${reference} can be reached and is gone`)
      this.#remove(reference)
    }
    for (const reference of there) {
      if (!this.#objects.has(reference)) throw new Error(`object ${reference} has no references and is there`)
    }
  }

  #compareContents(reference: number): void {
    const { slots, number } = this.#objects.get(reference) as Mirrored
    if (slots.length === 0) return
    const { u32 } = this.#heap.raw
    const at = reference >>> 2
    const found = [
      u32[at],
      u32[at + 1],
      ...u32.subarray(at + ITEMS_OFFSET / 4, at + ITEMS_OFFSET / 4 + slots.length - 2),
    ]
    if (found.join() !== slots.join() || u32[at + 2] !== number) {
      throw new Error(`object ${reference} holds ${found.join()} instead of ${slots.join()}`)
    }
  }

  /** Give everything up. */
  finish(): void {
    this.#heap.raw.setKnobs(0)
    while (this.#scopes.length > 0) this.#closeScope()
    while (this.#roots.length > 0) this.#dropRoot()
    for (const [reference, object] of [...this.#objects]) {
      for (; object.own > 0; object.own--) this.#heap.decref(reference)
    }
    this.#heap.collectCycles()
  }
}
