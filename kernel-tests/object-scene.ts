/**
 * A bare kernel with objects for small scenes: three types, lists, and the shorthands that tests of collectors share.
 */
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import { ObjectKernel } from './object-kernel.js'

const { SHAPE_LEAF, SHAPE_PREFIX, SHAPE_REFS, TRAIL_BYTES, TRAIL_NONE, TRAIL_REFS } = objects

export class Scene extends ObjectKernel {
  readonly pair = this.run('typeAdd', 0, 0, SHAPE_PREFIX, TRAIL_NONE, 2, 8, 0, 0, 0)
  readonly bytes = this.run('typeAdd', 0, 0, SHAPE_LEAF, TRAIL_BYTES, 0, 0, 0, 1, 0)
  readonly array = this.run('typeAdd', 0, 0, SHAPE_REFS, TRAIL_REFS, 0, 0, 0, 4, 0)

  new(type: number, bytes: number): number {
    const reference = this.run('objectNew', type, bytes)
    if (!reference) throw new Error(`objectNew: status ${this.word(objects.SPACE_STATUS_AT)}`)
    return reference
  }

  get live(): number {
    return this.word(objects.SPACE_LIVE_OBJECTS_AT)
  }

  get committed(): number {
    return this.u32(layout.HEAP_COMMITTED_AT)
  }

  /** A handle to a list of `count` pairs, linked by their first word. */
  list(count: number): number {
    const slot = this.run('handlePush', 0)
    for (let i = 0; i < count; i++) {
      const node = this.new(this.pair, 8)
      this.setU32(node, this.u32(slot))
      this.setU32(slot, node)
    }
    return slot
  }

  /** A handle to a list of `count` pairs, linked by their second word, each with a leaf that waits while marking. */
  spine(count: number): number {
    const slot = this.run('handlePush', 0)
    for (let i = 0; i < count; i++) {
      const leafSlot = this.run('handlePush', this.new(this.pair, 8))
      const node = this.new(this.pair, 8)
      this.setU32(node, this.u32(leafSlot))
      this.setU32(node + 4, this.u32(slot))
      this.setU32(slot, node)
      this.run('handlePop', leafSlot)
    }
    return slot
  }

  length(slot: number): number {
    let count = 0
    for (let node = this.u32(slot); node; node = this.u32(node)) count++
    return count
  }

  collect(kind = objects.COLLECT_FULL): void {
    this.expectOk('collect', kind)
    this.verify()
  }

  // ---- with a nursery -----------------------------------------------------------------------------------------------

  /** Store through the write barrier. */
  store(holder: number, offset: number, value: number): void {
    this.storeReference(holder, holder + offset, value)
  }

  /** The same for word `index` of the object in a handle slot, which the making of `value` may have moved. */
  put(slot: number, index: number, value: number): void {
    this.store(this.u32(slot), 4 * index, value)
  }

  isYoung(reference: number): boolean {
    const base = this.word(objects.SPACE_YOUNG_BASE_AT)
    return reference >= base && reference < base + this.word(objects.SPACE_YOUNG_BYTES_AT)
  }

  /** A handle slot with `reference`. */
  handle(reference: number): number {
    return this.run('handlePush', reference)
  }

  /** A small object without references that holds a number. */
  leaf(id: number): number {
    const reference = this.new(this.bytes, 4)
    this.setU32(reference, id)
    return reference
  }

  /** A handle slot with an array of `length` references. */
  arrayOf(length: number): number {
    return this.run('objectPush', this.array, 4 * length)
  }

  minor(): void {
    this.collect(objects.COLLECT_MINOR)
  }

  get phase(): number {
    return this.word(objects.SPACE_PHASE_AT)
  }

  /** Begin an incremental cycle. */
  begin(): void {
    this.setWord(objects.SPACE_ALLOCATED_AT, this.word(objects.SPACE_BUDGET_AT))
    this.run('step', 1)
    if (this.phase !== objects.PHASE_ROOTS) throw new Error(`the cycle is in phase ${this.phase}`)
  }

  /** Steps of `units` until the cycle is in `phase`. */
  stepTo(phase: number, units = 1): number {
    let steps = 0
    for (; this.phase !== phase; steps++) {
      if (this.phase === objects.PHASE_IDLE || steps > 1e6) throw new Error(`phase ${phase} was never there`)
      this.run('step', units)
    }
    return steps
  }

  /** Bring the cycle to its end. */
  finish(units = 1000): void {
    for (let steps = 0; this.phase !== objects.PHASE_IDLE; steps++) {
      if (steps > 1e6) throw new Error('the cycle does not end')
      this.run('step', units)
    }
    this.verify()
  }

  /** Whether a live object starts there. */
  isObject(reference: number): boolean {
    return this.run('objectStatus', reference) === layout.STATUS_OK
  }

  /** What the verifier finds, without throwing. */
  fault(): number {
    return this.run('verify')
  }

  /** Take the ids that are ready. */
  ready(): number[] {
    const ids: number[] = []
    for (let id = this.run('finalizerNext'); id; id = this.run('finalizerNext')) ids.push(id)
    return ids
  }
}
