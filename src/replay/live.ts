/**
 * Which blocks of an event list are live, from the events alone: the oracle that a heap's counts are compared with.
 *
 * Bytes are as requested by the traced program. An event that the heap could not serve changes nothing, as in C: a
 * failed allocation gives no block, so that its free is ignored and its realloc is a new attempt; a failed realloc
 * leaves the block.
 */

import { type EventList, OP_ALLOC, OP_FREE } from '../formats/event-list.js'

export class LiveBlocks {
  bytes = 0
  blocks = 0
  /** Requested bytes by slot; meaningful where the slot is live. */
  readonly #sizes: Uint32Array
  readonly #live: Uint8Array

  constructor(slotCount: number) {
    this.#sizes = new Uint32Array(slotCount)
    this.#live = new Uint8Array(slotCount)
  }

  isLive(slot: number): boolean {
    return this.#live[slot] === 1
  }

  /** Requested bytes of the live block in `slot`, 0 when there is none. */
  sizeOf(slot: number): number {
    return this.isLive(slot) ? (this.#sizes[slot] as number) : 0
  }

  /** The block in `slot` now has `bytes`; makes it when the slot is not live. */
  set(slot: number, bytes: number): void {
    this.bytes += bytes - this.sizeOf(slot)
    if (!this.isLive(slot)) this.blocks++
    this.#live[slot] = 1
    this.#sizes[slot] = bytes
  }

  remove(slot: number): void {
    if (!this.isLive(slot)) return
    this.bytes -= this.sizeOf(slot)
    this.blocks--
    this.#live[slot] = 0
  }
}

export interface LiveFigures {
  readonly livePeakBytes: number
  readonly livePeakBlocks: number
  /** Index of the event after which live bytes are at their peak for the first time. */
  readonly peakAt: number
  readonly endLiveBytes: number
  readonly endLiveBlocks: number
}

/** Peaks and end of `events`, of which those in `failures` (ascending indices) were not served. */
export function liveFigures(events: EventList, failures: readonly number[]): LiveFigures {
  const { ops, slots, sizes, length } = events
  const live = new LiveBlocks(events.slotCount)
  let livePeakBytes = 0
  let livePeakBlocks = 0
  let peakAt = 0
  let nextFailure = 0
  for (let i = 0; i < length; i++) {
    const slot = slots[i] as number
    if (i === failures[nextFailure]) nextFailure++
    else if (ops[i] === OP_FREE) live.remove(slot)
    else live.set(slot, sizes[i] as number)
    if (live.blocks > livePeakBlocks) livePeakBlocks = live.blocks
    if (live.bytes > livePeakBytes) {
      livePeakBytes = live.bytes
      peakAt = i
    }
  }
  return { livePeakBytes, livePeakBlocks, peakAt, endLiveBytes: live.bytes, endLiveBlocks: live.blocks }
}

export interface SizeBucket {
  /** Smallest and largest request of the bucket, in bytes. */
  readonly fromBytes: number
  readonly toBytes: number
  /** Allocations and reallocs that asked for such a size. */
  readonly requests: number
  /** Blocks and bytes of such sizes when live bytes were at their peak. */
  readonly peakBlocks: number
  readonly peakBytes: number
}

/** Requests by size, in buckets by power of two, from the smallest to the largest that occurs. */
export function sizeBuckets(events: EventList, peakAt: number): SizeBucket[] {
  const { ops, slots, sizes, length } = events
  const requests = new Float64Array(34)
  const peakBlocks = new Float64Array(34)
  const peakBytes = new Float64Array(34)
  const live = new LiveBlocks(events.slotCount)
  for (let i = 0; i < length; i++) {
    const size = sizes[i] as number
    if (ops[i] !== OP_FREE) add(requests, bucketOf(size), 1)
    if (i > peakAt) continue
    if (ops[i] === OP_FREE) live.remove(slots[i] as number)
    else live.set(slots[i] as number, size)
  }
  for (let slot = 0; slot < events.slotCount; slot++) {
    if (!live.isLive(slot)) continue
    const size = live.sizeOf(slot)
    add(peakBlocks, bucketOf(size), 1)
    add(peakBytes, bucketOf(size), size)
  }
  const used = Array.from(requests.keys()).filter((bucket) => (requests[bucket] as number) > 0)
  const first = used[0] ?? 0
  const last = used[used.length - 1] ?? -1
  const buckets: SizeBucket[] = []
  for (let bucket = first; bucket <= last; bucket++) {
    buckets.push({
      fromBytes: bucket === 0 ? 0 : 2 ** (bucket - 1),
      toBytes: bucket === 0 ? 0 : 2 ** bucket - 1,
      requests: requests[bucket] as number,
      peakBlocks: peakBlocks[bucket] as number,
      peakBytes: peakBytes[bucket] as number,
    })
  }
  return buckets
}

/** 0 for size 0, else 1 + floor(log2(size)). */
function bucketOf(size: number): number {
  return 32 - Math.clz32(size)
}

function add(counts: Float64Array, bucket: number, amount: number): void {
  counts[bucket] = (counts[bucket] as number) + amount
}

/** What an event does, for messages. */
export function describeEvent(events: EventList, index: number): string {
  const op = events.ops[index]
  const what = op === OP_ALLOC ? 'alloc' : op === OP_FREE ? 'free' : 'realloc'
  return op === OP_FREE ? `event ${index} (${what})` : `event ${index} (${what} of ${events.sizes[index]} bytes)`
}
