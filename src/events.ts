/**
 * Events and reclaimers: code of the user that runs between kernel calls, on a consistent heap. It may use the heap.
 *
 * One that throws does not undo the operation that caused it, nor keep others from running. What a listener threw is
 * thrown again in a microtask, where it surfaces as an uncaught exception. What a reclaimer threw becomes the `cause`
 * of the request's OutOfMemoryError; it is dropped when the request is met after all.
 */
import { checkFunction } from './arguments.js'
import { ArgumentError, type PlatformError } from './errors.js'
import type { Collection } from './objects/collections.js'
import type { TenantCollection } from './policy.js'
import type { Address, OutOfMemoryFigures } from './types.js'

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

/** How a piece of memory was asked for: as a block, from an arena, from a pool, or for an object. */
export type AllocationKind = 'block' | 'arena' | 'pool' | 'object'

/**
 * Something was allocated: a block, also by `realloc`; a part of an arena; a block of a pool; an object of `heap.new` or
 * `heap.allocRefcounted`. Strings, arrays and dictionaries are not told, and nothing that `heap.raw` or a guest does. Nor
 * is what listeners of this event and of `freed` do themselves, for one that allocates would never end. An address is where it was made: objects of collecting modes may move.
 *
 * A block that `realloc` gives another usable size is told as freed and then as allocated, wherever it is then; one that
 * keeps its address and its usable size is not told.
 */
export interface AllocatedEvent {
  readonly address: Address
  /**
   * Usable bytes. Of an arena what it has handed out for this, padding included; of an object all that it takes, header
   * and padding included.
   */
  readonly bytes: number
  /** What was asked for; of an object its fields and elements; of a pool's block the same as `bytes`. */
  readonly requestedBytes: number
  readonly kind: AllocationKind
}

/**
 * Something was freed by a call that names it. What goes together is told together: an arena's release, reset, shrinking
 * or disposal, a pool's disposal, each as one event whose address is 0. `reset` and `close` of a heap are events of their
 * own, and of objects that die, collections tell the sums.
 */
export interface FreedEvent {
  /** Where it was; 0 where it was not one allocation that went. */
  readonly address: Address
  /** What it had; of an arena how much less it has handed out now. */
  readonly bytes: number
  readonly kind: Exclude<AllocationKind, 'object'>
}

/** Bytes went back to where larger requests, or others, can have them. Not told when there were none. */
export interface TrimEvent {
  /** 0 only with an `error` or a `reason`. */
  readonly bytes: number
  /**
   * `caches`: pages kept for small blocks, to the free runs; `compact`: what a compaction gave back; `giveBack`: wholly
   * free pieces, to the heap that lent them; `decommit`: free memory, to the system.
   */
  readonly cause: 'caches' | 'compact' | 'giveBack' | 'decommit'
  /** Of `decommit` by decay: why the system refused the rest. It is asked again after the next delay. */
  readonly error?: PlatformError
  /** Why decay, which was asked for, gives nothing back here. Told once, after the heap was made; `bytes` is 0. */
  readonly reason?: string
}

export type PressureLevel = 'low' | 'medium' | 'high' | 'critical'

/** The pressure of a heap or a tenant is at another level than it was. */
export interface PressureEvent {
  readonly level: PressureLevel
  readonly previousLevel: PressureLevel
  /** Used over limit, 0 to 1. */
  readonly usage: number
  readonly usedBytes: number
  readonly limitBytes: number
}

/** A tenant has met one of its limits. */
export interface LimitEvent {
  /** `high`: it grew beyond it; `max`: a request was refused; `low`: memory was taken from below it. */
  readonly kind: 'high' | 'max' | 'low'
  /** The tenant's id. */
  readonly tenant: string
  readonly heldBytes: number
  readonly limitBytes: number
  /** Of `max`: what was asked for. */
  readonly requestedBytes?: number
}

/** A tenant begins or ends. */
export interface TenantEvent {
  readonly tenant: string
  /** What it holds, or held when it ended. */
  readonly heldBytes?: number
  /** Of one that ends: the bytes that were reclaimed, and the blocks that lived. */
  readonly bytes?: number
  readonly blocks?: number
  /** Of one that ends. */
  readonly cause?: TenantEndCause
}

/**
 * Why a tenant has ended. `free`: its own `free()` or `close()`, or the end of a `using` block; `kill`: its own `kill()`;
 * `reset`, `close`: the heap around it was reset, or was closed or ended itself.
 */
export type TenantEndCause = 'free' | 'kill' | 'reset' | 'close'

/** A heap and its tenants were collected by a policy, for whatever cause. */
export type CollectTenantsEvent = TenantCollection

export interface HeapEvents {
  readonly grow: GrowEvent
  readonly allocated: AllocatedEvent
  readonly freed: FreedEvent
  readonly trim: TrimEvent
  /** A request failed for good, after all reclaimers. */
  readonly outOfMemory: OutOfMemoryFigures
  readonly collectBegin: CollectBeginEvent
  /** What a collection did; told after the call that caused it, before the finalizers run. */
  readonly collectEnd: Collection
  readonly pressure: PressureEvent
  readonly limit: LimitEvent
  readonly tenantBegin: TenantEvent
  readonly tenantEnd: TenantEvent
  readonly collectTenants: CollectTenantsEvent
  readonly reset: ResetEvent
  readonly close: CloseEvent
}

export type HeapEventName = keyof HeapEvents
export type Listener<E extends HeapEventName> = (event: HeapEvents[E]) => void

/** Every event that `heap.on` knows. */
export const EVENT_NAMES: readonly HeapEventName[] = [
  'grow',
  'allocated',
  'freed',
  'trim',
  'outOfMemory',
  'collectBegin',
  'collectEnd',
  'pressure',
  'limit',
  'tenantBegin',
  'tenantEnd',
  'collectTenants',
  'reset',
  'close',
]

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

interface Listening {
  readonly listener: Listener<never>
  /** One that an earlier listener took off is not called any more. */
  isOn: boolean
}

/** The listeners of one heap. */
export class EventHub {
  /** Each list is replaced, never changed, so that it can be walked while listeners come and go. */
  readonly #listeners = new Map<HeapEventName, readonly Listening[]>()
  readonly #watches: { readonly events: readonly HeapEventName[]; change: () => void }[] = []

  /** Let `onChange` hear when one of `events` gets a listener where none of them had one, and when the last is gone. */
  whenWanted(events: readonly HeapEventName[], onChange: (isWanted: boolean) => void): void {
    let was = false
    const change = () => {
      const isWanted = events.some((event) => this.has(event))
      if (isWanted === was) return
      was = isWanted
      onChange(isWanted)
    }
    this.#watches.push({ events, change })
    change()
  }

  #changed(event: HeapEventName): void {
    for (const { events, change } of this.#watches) if (events.includes(event)) change()
  }

  on<E extends HeapEventName>(event: E, listener: Listener<E>): () => void {
    if (!EVENT_NAMES.includes(event)) throw new ArgumentError('event', event, `one of ${EVENT_NAMES.join(', ')}`)
    checkFunction('listener', listener)
    const own: Listening = { listener: listener as Listener<never>, isOn: true }
    this.#listeners.set(event, [...this.#of(event), own])
    this.#changed(event)
    return () => {
      if (!own.isOn) return
      own.isOn = false
      this.#listeners.set(
        event,
        this.#of(event).filter((other) => other !== own),
      )
      this.#changed(event)
    }
  }

  #of(event: HeapEventName): readonly Listening[] {
    return this.#listeners.get(event) ?? []
  }

  has(event: HeapEventName): boolean {
    const listeners = this.#listeners.get(event)
    return listeners !== undefined && listeners.length > 0
  }

  emit<E extends HeapEventName>(event: E, payload: HeapEvents[E]): void {
    const listeners = this.#listeners.get(event)
    if (!listeners) return
    for (const own of listeners) if (own.isOn) callGuarded(own.listener as Listener<E>, payload)
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

  get isRunning(): boolean {
    return this.#running
  }

  /** Whether there are any that `rescue` would run now. */
  get canRun(): boolean {
    return !this.#running && this.#registrations.length > 0
  }

  /** Run all of them for nobody's request; what they throw surfaces as what listeners throw. */
  runAll(bytesNeeded: number): void {
    this.runUntil(bytesNeeded, () => false)
  }

  /** The same one after the other, until `isEnough` says so. */
  runUntil(bytesNeeded: number, isEnough: () => boolean): void {
    if (this.#running) return
    for (const { reclaim } of this.#registrations) {
      this.#running = true
      callGuarded(reclaim, bytesNeeded)
      this.#running = false
      if (isEnough()) return
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
