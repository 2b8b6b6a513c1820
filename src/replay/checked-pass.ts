/**
 * The checked pass: the same events again through the checked interface, untimed, with every block full of a pattern of
 * its own (`pattern.ts`). What it checks:
 *
 *   - a block has at least the bytes asked for, and all of its usable bytes are its own: the pattern is whole before
 *     the block is freed, after a collection, and the common prefix is whole after a realloc;
 *   - the heap counts the blocks that the events say are live (`live.ts`); a collecting one at the end of the events,
 *     after a collection;
 *   - the same events run out of memory as in the timed pass;
 *   - `heap.verify()` holds, sixteen times on the way and at the end;
 *   - when everything is freed, no byte is in use and each chunk is free as a whole (feature A4); a collecting heap has
 *     no object left and holds little memory.
 *
 * It also takes the samples for the report, since it has the time.
 */

import { type EventList, OP_ALLOC, OP_FREE } from '../formats/event-list.js'
import type { Heap } from '../heap.js'
import { describeEvent, LiveBlocks } from './live.js'
import { fillPattern, findDamage } from './pattern.js'
import { type PeakSample, samplePeak, type Timeline, TimelineRecorder } from './sample.js'
import { type Store, storeIn } from './store.js'

export interface CheckedPassOptions {
  /** Events that ran out of memory in the timed pass. */
  readonly failures: readonly number[]
  /** Event after which the peak is sampled. */
  readonly peakAt: number
  /** Write and check patterns, verify, check the end; without it the pass only samples. */
  readonly verify: boolean
  /** Called at each step with the number of events done. */
  readonly onProgress?: ((events: number) => void) | undefined
}

export interface CheckedPass {
  readonly timeline: Timeline
  readonly peak: PeakSample
  /** What did not hold, in the order found; at most `FAULTS_MAX`. Empty when all did. */
  readonly faults: readonly string[]
}

export const FAULTS_MAX = 20
export const TIMELINE_POINTS = 1000
const VERIFY_TIMES = 16
/** All contents are looked at after a collection, but not more often than this. */
const CONTENT_CHECKS_MAX = 64

export function checkedPass(heap: Heap, events: EventList, options: CheckedPassOptions): CheckedPass {
  return new Checker(heap, events, options).run()
}

class Checker {
  readonly #heap: Heap
  readonly #events: EventList
  readonly #options: CheckedPassOptions
  readonly #live: LiveBlocks
  readonly #store: Store
  /** By slot: the event that made its block, which is the block's pattern. */
  readonly #ids: Uint32Array
  readonly #recorder = new TimelineRecorder()
  readonly #faults: string[] = []
  #nextFailure = 0
  /** Collections when all contents were last looked at, and the event from which on they are looked at again. */
  #collections = 0
  #nextContentCheck = 0
  #peak: PeakSample | undefined

  constructor(heap: Heap, events: EventList, options: CheckedPassOptions) {
    this.#heap = heap
    this.#events = events
    this.#options = options
    this.#live = new LiveBlocks(events.slotCount)
    this.#store = storeIn(heap, events.slotCount)
    this.#ids = new Uint32Array(events.slotCount)
  }

  run(): CheckedPass {
    const { length } = this.#events
    const step = Math.ceil(length / TIMELINE_POINTS)
    const verifyStep = Math.ceil(length / VERIFY_TIMES)
    for (let i = 0; i < length && this.#faults.length < FAULTS_MAX; i++) {
      this.#event(i)
      this.#recorder.live(this.#live.bytes)
      if (i === this.#options.peakAt) this.#peak = samplePeak(this.#heap, this.#store, i)
      if ((i + 1) % step === 0 || i + 1 === length) this.#sample(i + 1)
      if (!this.#options.verify) continue
      if (this.#store.collections !== this.#collections && i >= this.#nextContentCheck) this.#checkContents(i)
      if ((i + 1) % verifyStep === 0) this.#checkHeap(`after event ${i}`)
    }
    this.#peak ??= samplePeak(this.#heap, this.#store, length - 1)
    if (this.#options.verify && this.#faults.length < FAULTS_MAX) this.#finish()
    return { timeline: this.#recorder.timeline, peak: this.#peak, faults: this.#faults }
  }

  #sample(eventsDone: number): void {
    this.#recorder.close(eventsDone, this.#live.bytes, this.#heap.stats().committedBytes)
    this.#options.onProgress?.(eventsDone)
  }

  // ---- one event ------------------------------------------------------------------------------------------------

  #event(i: number): void {
    const slot = this.#events.slots[i] as number
    const op = this.#events.ops[i]
    const expectFailure = i === this.#options.failures[this.#nextFailure]
    if (expectFailure) this.#nextFailure++
    if (op === OP_FREE) {
      if (this.#store.addressOf(slot) !== 0) this.#free(slot, i)
      return
    }
    const size = this.#events.sizes[i] as number
    const fresh = op === OP_ALLOC || this.#store.addressOf(slot) === 0
    const served = fresh ? this.#alloc(slot, size, i) : this.#realloc(slot, size, i)
    if (served) this.#live.set(slot, size)
    if (served === expectFailure) {
      this.#fault(`${describeEvent(this.#events, i)} ${served ? 'was served' : 'ran out of memory'}, unlike when timed`)
    }
  }

  #alloc(slot: number, size: number, i: number): boolean {
    if (!this.#store.alloc(slot, size)) return false
    this.#ids[slot] = i
    if (this.#options.verify) this.#fill(slot, size, 0, i)
    return true
  }

  #realloc(slot: number, size: number, i: number): boolean {
    const common = Math.min(this.#live.sizeOf(slot), size)
    if (!this.#store.realloc(slot, size)) return false
    if (this.#options.verify) {
      this.#checkContent(slot, common, i)
      this.#fill(slot, size, common & ~3, i)
    }
    return true
  }

  #free(slot: number, i: number): void {
    if (this.#options.verify) this.#checkContent(slot, this.#store.usableBytes(slot), i)
    this.#store.free(slot)
    this.#live.remove(slot)
  }

  // ---- checks ---------------------------------------------------------------------------------------------------

  /** Fills the block's usable bytes from offset `from` on. */
  #fill(slot: number, size: number, from: number, i: number): void {
    const p = this.#store.addressOf(slot)
    const usable = this.#store.usableBytes(slot)
    if (usable < size) this.#fault(`${describeEvent(this.#events, i)} got a block of ${usable} bytes`)
    else fillPattern(this.#heap.raw.u32, p, from, usable, this.#ids[slot] as number)
  }

  #checkContent(slot: number, bytes: number, i: number): void {
    const p = this.#store.addressOf(slot)
    const at = findDamage(this.#heap.raw.u32, p, 0, bytes, this.#ids[slot] as number)
    if (at < 0) return
    this.#fault(
      `${describeEvent(this.#events, i)}: byte ${at} of the block at 0x${p.toString(16)} is not what was written`,
    )
  }

  /** Of all blocks, which a collection may have moved. */
  #checkContents(i: number): void {
    for (let slot = 0; slot < this.#events.slotCount && this.#faults.length < FAULTS_MAX; slot++) {
      if (this.#store.addressOf(slot) !== 0) this.#checkContent(slot, this.#store.usableBytes(slot), i)
    }
    this.#collections = this.#store.collections
    this.#nextContentCheck = i + Math.ceil(this.#events.length / CONTENT_CHECKS_MAX)
  }

  #checkHeap(when: string): void {
    const { ok, fault } = this.#heap.verify()
    if (!ok) this.#fault(`${when}: the heap is broken: ${fault}`)
    const counted = this.#store.countedBlocks ?? this.#live.blocks
    const expected = this.#live.blocks
    if (counted !== expected) this.#fault(`${when}: the heap counts ${counted} live blocks, the trace ${expected}`)
  }

  /** After the last event: what is live, then nothing at all. */
  #finish(): void {
    const last = this.#events.length - 1
    this.#store.settle()
    this.#checkHeap('at the end of the events')
    this.#checkContents(last)
    for (let slot = 0; slot < this.#events.slotCount; slot++) {
      if (this.#store.addressOf(slot) !== 0) this.#free(slot, last)
    }
    const leftovers = this.#store.findLeftovers()
    this.#checkHeap('with everything freed')
    for (const leftover of leftovers) this.#fault(`with everything freed, ${leftover}`)
  }

  #fault(text: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(text)
  }
}
