/**
 * The timed pass: the events of a list on a heap, and nothing else.
 *
 * It calls the kernel through `heap.raw`, where an answer is a number: 0 for no block, a status for a free. Every
 * answer is looked at, since a heap that refuses is not a faster heap. The measured time holds the loop over the list,
 * about 2 ns an event, which every allocator compared in this way pays alike. In a collecting mode it holds the
 * collections, too.
 */

import { type EventList, OP_ALLOC, OP_FREE } from '../formats/event-list.js'
import type { Heap } from '../heap.js'
import { describeEvent } from './live.js'
import { ObjectStore } from './object-store.js'
import { ReplayError } from './replay-error.js'
import { keepsObjects } from './store.js'

export interface TimedPass {
  readonly seconds: number
  /** Indices of the events that ran out of memory, ascending. */
  readonly failures: readonly number[]
}

/** Runs all events. Blocks that are live at the end stay so. */
export function timedPass(heap: Heap, events: EventList): TimedPass {
  const failures: number[] = []
  const run = keepsObjects(heap) ? preparedObjects(heap, events, failures) : preparedBlocks(heap, events, failures)
  const start = performance.now()
  run()
  return { seconds: (performance.now() - start) / 1000, failures }
}

function preparedBlocks(heap: Heap, events: EventList, failures: number[]): () => void {
  const addresses = new Uint32Array(events.slotCount)
  const { raw } = heap
  return () => runEvents(raw, events, addresses, failures)
}

function preparedObjects(heap: Heap, events: EventList, failures: number[]): () => void {
  const store = new ObjectStore(heap, events.slotCount)
  return () => runEventsOnObjects(store, events, failures)
}

/**
 * Addresses of slots whose block is not live are 0, as `free` and `realloc` of a block that was never served expect.
 */
function runEvents(raw: Heap['raw'], events: EventList, addresses: Uint32Array, failures: number[]): void {
  const { ops, slots, sizes, length } = events
  const { alloc, free, realloc } = raw
  for (let i = 0; i < length; i++) {
    const slot = slots[i] as number
    const op = ops[i]
    if (op === OP_ALLOC) {
      const p = alloc(sizes[i] as number)
      addresses[slot] = p
      if (p === 0) failures.push(i)
    } else if (op === OP_FREE) {
      const p = addresses[slot] as number
      const status = p === 0 ? 0 : free(p)
      if (status !== 0) throw new ReplayError(`${describeEvent(events, i)}: the heap refused it with status ${status}`)
    } else {
      const old = addresses[slot] as number
      const p = old === 0 ? alloc(sizes[i] as number) : realloc(old, sizes[i] as number)
      if (p === 0) failures.push(i)
      else addresses[slot] = p
    }
  }
}

/** The same with objects; what is no error here is that memory ran out, after all that collections could do. */
function runEventsOnObjects(store: ObjectStore, events: EventList, failures: number[]): void {
  const { ops, slots, sizes, length } = events
  for (let i = 0; i < length; i++) {
    const slot = slots[i] as number
    const op = ops[i]
    if (op === OP_FREE) {
      store.free(slot)
      continue
    }
    const bytes = sizes[i] as number
    const isFresh = op === OP_ALLOC || store.addressOf(slot) === 0
    const isServed = isFresh ? store.alloc(slot, bytes) : store.realloc(slot, bytes)
    if (!isServed) failures.push(i)
  }
}
