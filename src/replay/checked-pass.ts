/**
 * The checked pass: the same events again through the checked interface, untimed, with every block full of a pattern of
 * its own (`pattern.ts`). What it checks:
 *
 *   - a block has at least the bytes asked for, and all of its usable bytes are its own: the pattern is whole before
 *     the block is freed, and the common prefix is whole after a realloc;
 *   - the heap counts the blocks that the events say are live (`live.ts`);
 *   - the same events run out of memory as in the timed pass;
 *   - `heap.verify()` holds, sixteen times on the way and at the end;
 *   - when everything is freed, no byte is in use and each chunk is free as a whole (feature A4).
 *
 * It also takes the samples for the report, since it has the time.
 */

import { type EventList, OP_ALLOC, OP_FREE } from '../formats/event-list.js'
import type { Heap } from '../heap.js'
import type { Address } from '../types.js'
import { describeEvent, LiveBlocks } from './live.js'
import { fillPattern, findDamage } from './pattern.js'
import { type PeakSample, samplePeak, type Timeline, TimelineRecorder } from './sample.js'

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
const CHUNK_BYTES = 1 << 20

export function checkedPass(heap: Heap, events: EventList, options: CheckedPassOptions): CheckedPass {
  return new Checker(heap, events, options).run()
}

class Checker {
  readonly #heap: Heap
  readonly #events: EventList
  readonly #options: CheckedPassOptions
  readonly #live: LiveBlocks
  /** By slot: address of the block, 0 when there is none; and the event that made it, which is its pattern. */
  readonly #addresses: Uint32Array
  readonly #ids: Uint32Array
  readonly #recorder = new TimelineRecorder()
  readonly #faults: string[] = []
  #nextFailure = 0
  #peak: PeakSample | undefined

  constructor(heap: Heap, events: EventList, options: CheckedPassOptions) {
    this.#heap = heap
    this.#events = events
    this.#options = options
    this.#live = new LiveBlocks(events.slotCount)
    this.#addresses = new Uint32Array(events.slotCount)
    this.#ids = new Uint32Array(events.slotCount)
  }

  run(): CheckedPass {
    const { length } = this.#events
    const step = Math.ceil(length / TIMELINE_POINTS)
    const verifyStep = Math.ceil(length / VERIFY_TIMES)
    for (let i = 0; i < length && this.#faults.length < FAULTS_MAX; i++) {
      this.#event(i)
      this.#recorder.live(this.#live.bytes)
      if (i === this.#options.peakAt) this.#peak = samplePeak(this.#heap, i)
      if ((i + 1) % step === 0 || i + 1 === length) this.#sample(i + 1)
      if (this.#options.verify && (i + 1) % verifyStep === 0) this.#checkHeap(`after event ${i}`)
    }
    if (this.#options.verify && this.#faults.length < FAULTS_MAX) {
      this.#checkHeap('at the end of the events')
      this.#freeAll()
      this.#checkEnd()
    }
    this.#peak ??= samplePeak(this.#heap, length - 1)
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
      if (this.#addresses[slot] !== 0) this.#free(slot, i)
      return
    }
    const size = this.#events.sizes[i] as number
    const fresh = op === OP_ALLOC || this.#addresses[slot] === 0
    const served = fresh ? this.#alloc(slot, size, i) : this.#realloc(slot, size, i)
    if (served) this.#live.set(slot, size)
    if (served === expectFailure) {
      this.#fault(`${describeEvent(this.#events, i)} ${served ? 'was served' : 'ran out of memory'}, unlike when timed`)
    }
  }

  #alloc(slot: number, size: number, i: number): boolean {
    const p = this.#heap.tryAlloc(size)
    this.#addresses[slot] = p
    if (p === 0) return false
    this.#ids[slot] = i
    if (this.#options.verify) this.#fill(slot, size, 0, i)
    return true
  }

  #realloc(slot: number, size: number, i: number): boolean {
    const common = Math.min(this.#live.sizeOf(slot), size)
    const p = this.#tryRealloc(this.#addresses[slot] as Address, size)
    if (p === 0) return false
    this.#addresses[slot] = p
    if (this.#options.verify) {
      this.#checkContent(slot, common, i)
      this.#fill(slot, size, common & ~3, i)
    }
    return true
  }

  #tryRealloc(p: Address, size: number): number {
    try {
      return this.#heap.realloc(p, size)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'HW_OUT_OF_MEMORY') return 0
      throw error
    }
  }

  #free(slot: number, i: number): void {
    const p = this.#addresses[slot] as Address
    if (this.#options.verify) this.#checkContent(slot, this.#heap.usableSize(p), i)
    this.#heap.free(p)
    this.#addresses[slot] = 0
    this.#live.remove(slot)
  }

  // ---- checks ---------------------------------------------------------------------------------------------------

  /** Fills the block's usable bytes from offset `from` on. */
  #fill(slot: number, size: number, from: number, i: number): void {
    const p = this.#addresses[slot] as Address
    const usable = this.#heap.usableSize(p)
    if (usable < size) this.#fault(`${describeEvent(this.#events, i)} got a block of ${usable} bytes`)
    else fillPattern(this.#heap.raw.u32, p, from, usable, this.#ids[slot] as number)
  }

  #checkContent(slot: number, bytes: number, i: number): void {
    const p = this.#addresses[slot] as number
    const at = findDamage(this.#heap.raw.u32, p, bytes, this.#ids[slot] as number)
    if (at < 0) return
    this.#fault(
      `${describeEvent(this.#events, i)}: byte ${at} of the block at 0x${p.toString(16)} is not what was written`,
    )
  }

  #checkHeap(when: string): void {
    const { ok, fault } = this.#heap.verify()
    if (!ok) this.#fault(`${when}: the heap is broken: ${fault}`)
    const counted = this.#heap.stats().liveBlocks
    const expected = this.#live.blocks
    if (counted !== expected) this.#fault(`${when}: the heap counts ${counted} live blocks, the trace ${expected}`)
  }

  #freeAll(): void {
    for (let slot = 0; slot < this.#events.slotCount; slot++) {
      if (this.#addresses[slot] !== 0) this.#free(slot, this.#events.length - 1)
    }
  }

  /** Feature A4: zero bytes used and whole free chunks in one run. What was bumped comes back with `reset` only. */
  #checkEnd(): void {
    const heap = this.#heap
    if (heap.mode === 'compiler') heap.reset()
    heap.releaseCaches()
    this.#checkHeap('with everything freed')
    const { inUseBytes, freeBytes, metadataBytes, committedBytes, freeRuns } = heap.stats()
    if (inUseBytes !== 0) this.#fault(`with everything freed, ${inUseBytes} bytes are in use`)
    if (freeBytes + metadataBytes !== committedBytes) {
      this.#fault(
        `with everything freed, ${committedBytes - freeBytes - metadataBytes} bytes are neither free nor metadata`,
      )
    }
    const chunks = Math.ceil(committedBytes / CHUNK_BYTES)
    if (freeRuns > chunks) this.#fault(`with everything freed, ${freeRuns} free runs are in ${chunks} chunks`)
  }

  #fault(text: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(text)
  }
}
