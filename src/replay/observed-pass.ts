/**
 * Passes over a trace for what is seen of a heap, and not for the time: a profile of who allocates, a timeline of
 * collections.
 *
 * The profile is of the recorded program: its stacks are the callers that the trace names, one for each event, and all
 * allocations are sampled. What is in use is what was when live bytes were at their peak: at the end of most programs
 * it is nearly nothing.
 */
import type { AllocationProfile, ProfileFrame } from '../formats/allocation-profile.js'
import { type EventList, OP_ALLOC, OP_FREE } from '../formats/event-list.js'
import type { TraceEvents } from '../formats/trace-events.js'
import { Heap } from '../heap.js'
import type { Profiler } from '../profile/profiler.js'
import type { HeapOptions } from '../types.js'
import { liveFigures } from './live.js'
import { type Store, storeIn } from './store.js'

/** Events between two moments at which collections are told: far fewer than 64 collections happen meanwhile. */
const EVENTS_PER_TURN = 256
const RECORDS_MAX = 1_000_000

/** Who allocates in a trace whose callers were kept, on a heap of blocks. */
export function profileOfTrace(heapOptions: HeapOptions, events: EventList): AllocationProfile {
  const { peakAt } = liveFigures(events, failuresOf(heapOptions, events))
  using heap = Heap.create({ ...heapOptions, name: events.name })
  const store = storeIn(heap, events.slotCount)
  const callers = framesOfCallers(events)
  let current = 0
  using profiler = heap.profile({ meanBytes: 1, seed: 1, stack: () => callers[current] ?? [] })
  let peak = profiler.profile
  for (let i = 0; i < events.length; i++) {
    current = events.callers?.ids[i] ?? 0
    runEvent(store, events, i)
    if (i === peakAt) peak = profiler.profile
  }
  return withUseAt(peak, profiler)
}

/** The events that run out of memory, which is the same every time. */
function failuresOf(heapOptions: HeapOptions, events: EventList): number[] {
  using heap = Heap.create(heapOptions)
  const store = storeIn(heap, events.slotCount)
  const failures: number[] = []
  for (let i = 0; i < events.length; i++) if (!runEvent(store, events, i)) failures.push(i)
  return failures
}

/** All that was allocated, with what was in use earlier: samples keep their places, new ones come behind. */
function withUseAt(peak: AllocationProfile, profiler: Profiler): AllocationProfile {
  const { profile } = profiler
  const samples = profile.samples.map((sample, i) => {
    const { sampledInUse = 0, inuseObjects = 0, inuseBytes = 0 } = peak.samples[i] ?? {}
    return { ...sample, sampledInUse, inuseObjects, inuseBytes }
  })
  return { ...profile, samples }
}

/** Collections, and growth of the memory, while a trace is replayed. */
export async function timelineOfTrace(heapOptions: HeapOptions, events: EventList): Promise<TraceEvents> {
  using heap = Heap.create({ ...heapOptions, name: events.name })
  using recorder = heap.recordTrace({ max: RECORDS_MAX })
  const store = storeIn(heap, events.slotCount)
  for (let i = 0; i < events.length; i++) {
    runEvent(store, events, i)
    // The store calls the kernel itself, whose collections are told when the program has come to rest.
    if (i % EVENTS_PER_TURN === 0) await Promise.resolve()
  }
  await Promise.resolve()
  return recorder.toTraceEvents()
}

/** False when it ran out of memory; an event of a block that was never served is none, or an allocation. */
function runEvent(store: Store, { ops, slots, sizes }: EventList, i: number): boolean {
  const slot = slots[i] as number
  if (ops[i] === OP_FREE) {
    store.free(slot)
    return true
  }
  const bytes = sizes[i] as number
  const isFresh = ops[i] === OP_ALLOC || store.addressOf(slot) === 0
  return isFresh ? store.alloc(slot, bytes) : store.realloc(slot, bytes)
}

/** By id of the caller: its stack, of one frame. */
function framesOfCallers({ callers }: EventList): ProfileFrame[][] {
  return (callers?.names ?? []).map((name) => (name === '' ? [] : [frameOfCaller(name)]))
}

/** `/bin/tree:(getfulltree+0x1c)[0x55d0]`: file, function and address, of which any may be missing. */
export function frameOfCaller(name: string): ProfileFrame {
  const [, file, symbol, address] = /^(.*?):?(?:\(([^)]*?)(?:\+[^)]*)?\))?(?:\[([^\]]*)\])?$/.exec(name) ?? []
  return { functionName: symbol || address || name, url: file ?? '', line: 0, column: 0 }
}
