/**
 * The sampled objects that are in use. Where a collector traces objects, each is watched by a weak root, which follows
 * it when it moves and is cleared by the collection that finds it dead. Where objects are counted, it is in use as long
 * as an object is at its address, and none that was made there since.
 *
 * What has died is found when somebody asks, and when the list has doubled since: the cost for each object is constant.
 */
import { HEAP_GENERATION_AT } from '../../kernel/layout.js'
import { ROOT_WEAK } from '../../kernel/object-layout.js'
import type { HeapCore } from '../core.js'
import type { Sampled } from './site-table.js'

const SWEEP_MIN = 64

interface WatchedObject {
  readonly sampled: Sampled
  /** Of the weak root; of a counted object its address. */
  readonly at: number
}

export class ObjectSamples {
  readonly #core: HeapCore
  #watched: WatchedObject[] = []
  /** Places of counted objects. */
  readonly #addresses = new Set<number>()
  #sweepAt = SWEEP_MIN
  #generation: number

  constructor(core: HeapCore) {
    this.#core = core
    this.#generation = core.word(HEAP_GENERATION_AT)
  }

  /** The object at `reference` was made. No code of the program runs in here, and nothing is collected. */
  add(sampled: Sampled, reference: number, isCounted: boolean): void {
    if (this.#watched.length >= this.#sweepAt) this.sweep()
    const at = isCounted ? reference : this.#core.plainKernel.rootAdd(ROOT_WEAK, reference) >>> 0
    if (at === 0) {
      // No room to watch it: it counts as allocated, and no more.
      sampled.end()
      return
    }
    if (isCounted) this.#addresses.add(reference)
    this.#watched.push({ sampled, at })
  }

  /** Where objects are counted: one was made at `reference`. What was there has died. */
  endAt(reference: number): void {
    if (!this.#addresses.delete(reference)) return
    this.#watched = this.#watched.filter(({ sampled, at }) => {
      if (at === reference) sampled.end()
      return at !== reference
    })
  }

  /** Find those that have died. */
  sweep(): void {
    if (this.#core.isClosed || this.#watched.length === 0) return
    if (this.#core.word(HEAP_GENERATION_AT) !== this.#generation) {
      this.endAll()
      return
    }
    const isCounted = this.#addresses.size > 0
    this.#watched = this.#watched.filter((object) => {
      const isInUse = isCounted ? this.#isThere(object.at) : this.#isWatched(object.at)
      if (!isInUse) object.sampled.end()
      return isInUse
    })
    this.#sweepAt = Math.max(SWEEP_MIN, this.#watched.length * 2)
  }

  #isThere(reference: number): boolean {
    const isThere = this.#core.plainKernel.refcount(reference) !== 0
    if (!isThere) this.#addresses.delete(reference)
    return isThere
  }

  /** Whether a weak root has not been cleared; the root of a dead object is taken off. */
  #isWatched(slot: number): boolean {
    const { views, plainKernel } = this.#core
    views.refresh()
    if (views.u32[slot >>> 2] !== 0) return true
    plainKernel.rootRemove(ROOT_WEAK, slot)
    return false
  }

  /** The heap was reset: objects are gone, and the roots with them. */
  endAll(): void {
    for (const { sampled } of this.#watched) sampled.end()
    this.#forget()
    if (!this.#core.isClosed) this.#generation = this.#core.word(HEAP_GENERATION_AT)
  }

  /** Watch them no longer. They count as what they were found to be last. */
  clear(): void {
    this.sweep()
    const hasRoots = !this.#core.isClosed && this.#addresses.size === 0
    if (hasRoots) for (const { at } of this.#watched) this.#core.plainKernel.rootRemove(ROOT_WEAK, at)
    this.#forget()
  }

  #forget(): void {
    this.#watched = []
    this.#addresses.clear()
    this.#sweepAt = SWEEP_MIN
  }
}
