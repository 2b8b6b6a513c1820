/**
 * Events and reclaimers: code of the user that runs between kernel calls, on a consistent heap. It may use the heap.
 *
 * One that throws does not undo the operation that caused it, nor keep others from running. What a listener threw is
 * thrown again in a microtask, where it surfaces as an uncaught exception. What a reclaimer threw becomes the `cause`
 * of the request's OutOfMemoryError; it is dropped when the request is met after all.
 */
import { checkFunction } from './arguments.js'
import { ArgumentError } from './errors.js'
import type { Collection } from './objects/collections.js'
import type { OutOfMemoryFigures } from './types.js'

/** The memory became larger. `Heap` re-binds its own views; a typed array that the user kept is now detached. */
export interface GrowEvent {
  readonly previousBytes: number
  readonly currentBytes: number
}

/** Everything was freed at once. */
export interface ResetEvent {
  /** How many resets the heap has seen. */
  readonly generation: number
}

export interface CloseEvent {
  readonly name: string
}

/** A collection has begun. Told when it is over, since nothing may run while it lasts. */
export interface CollectBeginEvent {
  readonly kind: Collection['kind']
  readonly cause: Collection['cause']
}

export interface HeapEvents {
  readonly grow: GrowEvent
  /** A request failed for good, after all reclaimers. */
  readonly outOfMemory: OutOfMemoryFigures
  readonly collectBegin: CollectBeginEvent
  /** What a collection did; told after the call that caused it, before the finalizers run. */
  readonly collectEnd: Collection
  readonly reset: ResetEvent
  readonly close: CloseEvent
}

export type HeapEventName = keyof HeapEvents
export type Listener<E extends HeapEventName> = (event: HeapEvents[E]) => void

const EVENT_NAMES: readonly HeapEventName[] = ['grow', 'outOfMemory', 'collectBegin', 'collectEnd', 'reset', 'close']

/** Call `fn`; what it throws surfaces in a microtask. */
export function callGuarded<T>(fn: (argument: T) => unknown, argument: T): void {
  try {
    fn(argument)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/** The listeners of one heap. */
export class EventHub {
  readonly #listeners = new Map<HeapEventName, Set<Listener<never>>>()
  readonly #onChange: (event: HeapEventName, hasListeners: boolean) => void

  /** `onChange` hears when an event gets its first listener or loses its last. */
  constructor(onChange: (event: HeapEventName, hasListeners: boolean) => void) {
    this.#onChange = onChange
  }

  on<E extends HeapEventName>(event: E, listener: Listener<E>): () => void {
    if (!EVENT_NAMES.includes(event)) throw new ArgumentError('event', event, `one of ${EVENT_NAMES.join(', ')}`)
    checkFunction('listener', listener)
    const own: Listener<E> = (payload) => listener(payload)
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners)
    listeners.add(own as Listener<never>)
    if (listeners.size === 1) this.#onChange(event, true)
    return () => {
      if (listeners.delete(own as Listener<never>) && listeners.size === 0) this.#onChange(event, false)
    }
  }

  has(event: HeapEventName): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0
  }

  emit<E extends HeapEventName>(event: E, payload: HeapEvents[E]): void {
    const listeners = this.#listeners.get(event)
    if (!listeners) return
    for (const listener of [...listeners]) {
      // One that an earlier one took off is not called any more.
      if (listeners.has(listener)) callGuarded(listener as unknown as Listener<E>, payload)
    }
  }
}

/**
 * Frees memory that can be had again: a cache, for instance. Gets the size of the request that failed; what it returns
 * is not needed, the request is simply tried again.
 */
export type Reclaimer = (bytesNeeded: number) => unknown

interface Registration {
  readonly reclaim: Reclaimer
  readonly priority: number
}

/** The reclaimers of one heap, highest priority first. */
export class ReclaimerList {
  #registrations: readonly Registration[] = []
  #running = false
  #errors: unknown[] = []

  add(reclaim: Reclaimer, priority: number): () => void {
    checkFunction('reclaimer', reclaim)
    if (typeof priority !== 'number' || Number.isNaN(priority)) {
      throw new ArgumentError('priority', priority, 'a number; higher ones run first')
    }
    const own: Registration = { reclaim, priority }
    this.#registrations = [...this.#registrations, own].sort((a, b) => b.priority - a.priority)
    return () => {
      this.#registrations = this.#registrations.filter((other) => other !== own)
    }
  }

  /**
   * Run one reclaimer after the other, each followed by `attempt`, until that gives an address. 0 when none helped, and
   * at once for a request that a reclaimer itself makes: reclaimers never nest.
   */
  rescue(bytesNeeded: number, attempt: () => number): number {
    if (this.#running) return 0
    this.#errors = []
    for (const { reclaim } of this.#registrations) {
      this.#run(reclaim, bytesNeeded)
      const address = attempt()
      if (address === 0) continue
      this.#errors = []
      return address
    }
    return 0
  }

  #run(reclaim: Reclaimer, bytesNeeded: number): void {
    this.#running = true
    try {
      reclaim(bytesNeeded)
    } catch (error) {
      this.#errors.push(error)
    } finally {
      this.#running = false
    }
  }

  /** The `cause` for the request whose rescue has just failed; none for a request that a reclaimer itself makes. */
  takeCause(): ErrorOptions {
    if (this.#running) return {}
    const errors = this.#errors
    this.#errors = []
    if (errors.length === 0) return {}
    return { cause: errors.length === 1 ? errors[0] : new AggregateError(errors, 'several reclaimers have thrown') }
  }
}
