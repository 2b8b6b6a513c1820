/**
 * Where a replay keeps the blocks of a trace: one per slot of its event list. What a block is depends on the mode of
 * the heap: memory that is freed (`block-store.ts`), or an object that a root holds until then (`object-store.ts`).
 */

import type { Heap } from '../heap.js'
import { MODES } from '../modes.js'
import { BlockStore } from './block-store.js'
import { ObjectStore } from './object-store.js'
import type { MapBlock } from './sample.js'

/** What the checked pass needs. Slots are those of the event list; calls that fail change nothing. */
export interface Store {
  /** A block of `bytes` in an empty slot; false when out of memory. */
  alloc(slot: number, bytes: number): boolean
  /** Another size for the block in `slot`, contents kept up to the smaller one; false when out of memory. */
  realloc(slot: number, bytes: number): boolean
  free(slot: number): void
  /** Where the slot's block is now; 0 when it is empty. Good until the next call that may allocate. */
  addressOf(slot: number): number
  /** Bytes at that address that are the block's own. */
  usableBytes(slot: number): number
  /** Collections so far: blocks may have moved when it has changed. */
  readonly collections: number
  /** How many blocks the heap counts; undefined while it cannot know. */
  readonly countedBlocks: number | undefined
  /** Live blocks by ascending address, for a map. */
  blocks(): Iterable<MapBlock>
  /** All events are done: let the heap find out what is live. */
  settle(): void
  /** Every slot is empty: give back what can be, and say what is left that should not be. */
  findLeftovers(): string[]
}

/** Whether blocks become objects in a heap of this mode. */
export function keepsObjects(heap: Heap): boolean {
  return MODES[heap.mode].collector !== 'none'
}

export function storeIn(heap: Heap, slotCount: number): Store {
  return keepsObjects(heap) ? new ObjectStore(heap, slotCount) : new BlockStore(heap, slotCount)
}
