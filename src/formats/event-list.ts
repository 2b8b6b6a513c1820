/**
 * Allocation events of one program run in compact form: what a trace reader makes and a replay runs.
 *
 *   ops[i]    what event i does                                      8 bits
 *   slots[i]  the block that it does it to, as a slot number        32 bits
 *   sizes[i]  bytes requested; 0 for a free                         32 bits
 *
 * A slot names at most one live block at a time and is taken again after the block's free, newest first, so that a
 * replay keeps its addresses in an array no longer than the most blocks that were ever live. Events are consistent:
 * an allocation's slot is not live before it, a free's or a realloc's slot is. No strings, no objects per event: nine
 * bytes an event, so that a replay's time is the heap's and not the list's.
 */

export const OP_ALLOC = 0
export const OP_FREE = 1
export const OP_REALLOC = 2

/**
 * Sizes of this and more are stored as this, the largest that `Heap.alloc` takes. No heap can serve it: a replay lets
 * it fail.
 */
export const SIZE_BEYOND = 0xfffffffe

export interface EventList {
  /** Where the events come from, for messages and tables. */
  readonly name: string
  /** Number of events: `allocs + frees + reallocs`. */
  readonly length: number
  readonly ops: Uint8Array
  readonly slots: Uint32Array
  readonly sizes: Uint32Array
  /** One more than the largest slot number. */
  readonly slotCount: number
  readonly allocs: number
  readonly frees: number
  readonly reallocs: number
  /** Lines of the trace that are not allocation events, and frees of addresses that it never allocated. */
  readonly skipped: number
  /** Who has asked for each event, when that was to be recorded. */
  readonly callers?: Callers
}

/** Places in a program. */
export interface Callers {
  /** By event: index of the caller's name. */
  readonly ids: Uint32Array
  /** As the trace has them; the first is empty, for events without a caller. */
  readonly names: readonly string[]
}

/** Most events in one list: 1.2 GB of arrays. */
export const EVENTS_MAX = 2 ** 27
const EVENTS_INITIAL = 1 << 16

/** Collects events; grows by doubling. */
export class EventListBuilder {
  #ops = new Uint8Array(EVENTS_INITIAL)
  #slots = new Uint32Array(EVENTS_INITIAL)
  #sizes = new Uint32Array(EVENTS_INITIAL)
  #length = 0
  #slotCount = 0
  #freeSlots: number[] = []
  readonly #counts: [allocs: number, frees: number, reallocs: number] = [0, 0, 0]
  #callers: Uint32Array | undefined
  readonly #names = new Map<string, number>([['', 0]])
  #caller = 0

  /** `keepsCallers`: what `caller` is set to is kept for each event. */
  constructor(keepsCallers = false) {
    if (keepsCallers) this.#callers = new Uint32Array(EVENTS_INITIAL)
  }

  /** Who asks for the events that follow. */
  set caller(name: string) {
    const id = this.#names.get(name) ?? this.#names.size
    this.#names.set(name, id)
    this.#caller = id
  }

  get length(): number {
    return this.#length
  }

  /** Appends an allocation of `bytes` and returns the slot of its block. */
  alloc(bytes: number): number {
    const slot = this.#freeSlots.pop() ?? this.#slotCount++
    this.#append(OP_ALLOC, slot, bytes)
    return slot
  }

  free(slot: number): void {
    this.#freeSlots.push(slot)
    this.#append(OP_FREE, slot, 0)
  }

  realloc(slot: number, bytes: number): void {
    this.#append(OP_REALLOC, slot, bytes)
  }

  /** The list so far. The builder must not be used afterwards: the arrays are shared, not copied. */
  finish(name: string, skipped: number): EventList {
    const length = this.#length
    const [allocs, frees, reallocs] = this.#counts
    return {
      name,
      length,
      ops: this.#ops.subarray(0, length),
      slots: this.#slots.subarray(0, length),
      sizes: this.#sizes.subarray(0, length),
      slotCount: this.#slotCount,
      allocs,
      frees,
      reallocs,
      skipped,
      ...(this.#callers && { callers: { ids: this.#callers.subarray(0, length), names: [...this.#names.keys()] } }),
    }
  }

  #append(op: typeof OP_ALLOC | typeof OP_FREE | typeof OP_REALLOC, slot: number, bytes: number): void {
    const at = this.#length
    if (at === this.#ops.length) this.#grow()
    this.#ops[at] = op
    this.#slots[at] = slot
    this.#sizes[at] = bytes
    if (this.#callers) this.#callers[at] = this.#caller
    this.#length = at + 1
    this.#counts[op]++
  }

  #grow(): void {
    const capacity = this.#ops.length * 2
    const ops = new Uint8Array(capacity)
    const slots = new Uint32Array(capacity)
    const sizes = new Uint32Array(capacity)
    ops.set(this.#ops)
    slots.set(this.#slots)
    sizes.set(this.#sizes)
    this.#ops = ops
    this.#slots = slots
    this.#sizes = sizes
    if (!this.#callers) return
    const callers = new Uint32Array(capacity)
    callers.set(this.#callers)
    this.#callers = callers
  }
}

/** The short name of a trace's file: `tree` for `traces/tree.mtrace.gz`. */
export function traceName(file: string): string {
  const base = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)
  return base.replace(/(\.mtrace)?(\.gz)?$/, '') || base
}
