/**
 * Reference counts as a program uses them, in mode `manual`: blocks and objects that are shared, each with a count of
 * those who refer to it, released when that gets to 0 together with what it alone referred to. Garbage that refers to
 * itself is found by a trial of candidates (Bacon and Rajan, "Concurrent Cycle Collection in Reference Counted
 * Systems", ECOOP 2001), whole or in steps.
 *
 * Every call asks the kernel whether a counted object is at the reference before anything is read or changed. What is
 * refused has changed nothing.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import {
  COLLECT_FULL,
  OBJECT_MAX_BYTES,
  SPACE_LIVE_BYTES_AT,
  SPACE_LIVE_OBJECTS_AT,
} from '../../kernel/object-layout.js'
import {
  COUNT_MAX,
  SPACE_CANDIDATE_COUNT_AT,
  SPACE_MISSED_AT,
  SPACE_TRIAL_PHASE_AT,
  SPACE_TRIALS_LOST_AT,
  STATUS_COUNT,
  TRIAL_IDLE,
} from '../../kernel/value-layout.js'
import { checkAddress, checkOptions, checkRange, checkSize } from '../arguments.js'
import { ArgumentError, CountError } from '../errors.js'
import { countedError } from '../faults.js'
import type { Kernel } from '../kernel-instance.js'
import { type Address, NULL } from '../types.js'
import { ObjectAccess } from './access.js'
import { Root } from './roots.js'
import type { ObjectSpace } from './space.js'
import { ObjectView } from './view.js'

/** What has a count: the address that `allocRefcounted` gave, an object's reference, or an object. */
export type Counted = number | ObjectView | Root

export interface CycleOptions {
  /** About how long it may take. */
  readonly budgetMs?: number
  /** How many units of work it may do: a unit is an object, or a few of its references. */
  readonly units?: number
}

/** What `heap.collectCycles` did. */
export interface CycleCollection {
  readonly releasedObjects: number
  /** With their headers and padding. */
  readonly releasedBytes: number
  /** Whether nothing is left to be looked at. Without `budgetMs` and `units` it always is. */
  readonly isDone: boolean
  /** Objects that may be part of a garbage cycle and that have yet to be looked at. */
  readonly candidates: number
  readonly ms: number
}

const BUDGET_MAX_MS = 60_000
const UNITS_MAX = 2 ** 31 - 1
/** Between two looks at the clock. (Some 20 µs; `node bench/experiments/counted.mjs` says it.) */
const UNITS_PER_LOOK = 1000

/** Reference counts of a heap in mode `manual`. The other modes throw UnsupportedError. */
export class CountedAccess extends ObjectAccess {
  /**
   * The kernel that calls go to, one load away, from the first of them until it is replaced; through `core` and its
   * objects a pair of calls takes twice as long. (`bench/experiments/counted.mjs`)
   */
  #kernel: Kernel | undefined

  /** The next call is to find its kernel again. @internal */
  protected forgetKernel(): void {
    this.#kernel = undefined
  }

  /** @throws UnsupportedError where there are no reference counts */
  #countingKernel(): Kernel {
    const { objects } = this.core
    objects.assertCounted()
    this.#kernel = objects.kernel
    return this.#kernel
  }

  /**
   * A block with a reference count, which is 1 and the caller's. All its bytes are zero. It lies at 8 past a multiple of
   * 16, so at a multiple of 8, and does not move.
   *
   * @throws OutOfMemoryError after cycles were collected and all reclaimers have run; ArgumentError
   * @example
   * const shared = heap.allocRefcounted(64)
   * heap.incref(shared)      // for somebody else
   * heap.decref(shared)
   * heap.decref(shared)      // the last one: it is freed
   */
  allocRefcounted(bytes: number): Address {
    if (typeof bytes === 'number' && bytes >>> 0 === bytes) {
      const address = (this.#kernel ?? this.#countingKernel()).refcountedNew(bytes)
      if (address !== 0) return (address >>> 0) as Address
    }
    const rescued = this.#newSlow(bytes)
    if (rescued === NULL) throw this.core.outOfMemory(bytes)
    return rescued
  }

  /** Like `allocRefcounted`; gives 0 instead of throwing OutOfMemoryError. */
  tryAllocRefcounted(bytes: number): Address {
    if (typeof bytes === 'number' && bytes >>> 0 === bytes) {
      const address = (this.#kernel ?? this.#countingKernel()).refcountedNew(bytes)
      if (address !== 0) return (address >>> 0) as Address
    }
    const rescued = this.#newSlow(bytes)
    if (rescued === NULL) this.core.announceOutOfMemory(bytes)
    return rescued
  }

  /** The kernel has refused, after a collection of cycles: there is no room, or `bytes` is no size. */
  #newSlow(bytes: number): Address {
    this.core.objects.assertCounted()
    if (checkSize('bytes', bytes) > OBJECT_MAX_BYTES) return NULL
    return this.core.rescue(bytes, () => this.core.kernel.refcountedNew(bytes))
  }

  /**
   * One reference more: `decref` takes it back.
   *
   * @throws InvalidAddressError, MisalignmentError when no counted object is there; CountError when it has the most
   * references that there can be
   */
  incref(object: Counted): void {
    const reference = typeof object === 'number' && object >>> 0 === object ? object : this.#referenceOf(object)
    const status = (this.#kernel ?? this.#countingKernel()).incref(reference)
    if (status !== STATUS_OK) throw this.#countedError('incref', reference, status)
  }

  /**
   * One reference less; when it was the last one, the object is released, and all that it alone referred to, however
   * much that is. Take back references of your own alone: when one of a field's, a root's or a scope's is taken, the
   * object goes while they still refer to it. `heap.verify()` finds that.
   *
   * @throws InvalidAddressError, MisalignmentError when no counted object is there, for instance one that was released
   */
  decref(object: Counted): void {
    const reference = typeof object === 'number' && object >>> 0 === object ? object : this.#referenceOf(object)
    const status = (this.#kernel ?? this.#countingKernel()).decref(reference)
    if (status !== STATUS_OK) throw this.#countedError('decref', reference, status)
  }

  /**
   * How many references there are to an object: those of fields, roots and open scopes, and the program's own.
   *
   * @throws InvalidAddressError, MisalignmentError when no counted object is there
   */
  refcount(object: Counted): number {
    const reference = typeof object === 'number' && object >>> 0 === object ? object : this.#referenceOf(object)
    const count = (this.#kernel ?? this.#countingKernel()).refcount(reference)
    if (count === 0) throw this.#countedError('refcount', reference, STATUS_OK)
    return count
  }

  /**
   * Release objects that refer to each other in a cycle and that nobody else refers to. Looks at the candidates alone:
   * objects that have lost a reference since the last time, and what they lead to.
   *
   * @param options `budgetMs`, `units`: do no more than that, and go on with the next call; default all of it
   * @example
   * setInterval(() => heap.collectCycles({ budgetMs: 1 }), 100)
   */
  collectCycles(options: CycleOptions = {}): CycleCollection {
    checkOptions('options', options, ['budgetMs', 'units'])
    const { budgetMs, units } = options
    if (budgetMs !== undefined && !(typeof budgetMs === 'number' && budgetMs > 0 && budgetMs <= BUDGET_MAX_MS)) {
      throw new ArgumentError('budgetMs', budgetMs, `milliseconds above 0, at most ${BUDGET_MAX_MS}`)
    }
    if (units !== undefined) checkRange('units', units, 1, UNITS_MAX)
    const { objects } = this.core
    objects.assertCounted()
    return collectCycles(objects, budgetMs, units)
  }

  #referenceOf(object: Counted): number {
    const { objects } = this.core
    objects.assertCounted()
    if (typeof object === 'number') return checkAddress('object', object)
    if (ObjectView.isView(object) || Root.isRoot(object)) return objects.checkView('object', object).reference
    throw new ArgumentError('object', object, 'an address, a view or a root of this heap')
  }

  #countedError(call: string, reference: number, status: number): Error {
    return status === STATUS_COUNT ? new CountError(reference, COUNT_MAX) : countedError(this.core, call, reference)
  }
}

function collectCycles(space: ObjectSpace, budgetMs: number | undefined, units: number | undefined): CycleCollection {
  const beganMs = performance.now()
  const objects = space.word(SPACE_LIVE_OBJECTS_AT)
  const bytes = space.word(SPACE_LIVE_BYTES_AT)
  if (budgetMs === undefined && units === undefined) void space.collectUntold(COLLECT_FULL)
  else takeSteps(space, beganMs + (budgetMs ?? BUDGET_MAX_MS), units ?? UNITS_MAX)
  const candidates = space.word(SPACE_CANDIDATE_COUNT_AT) + space.word(SPACE_MISSED_AT)
  const made = {
    // No code of the program has run in between: whatever went was garbage.
    releasedObjects: objects - space.word(SPACE_LIVE_OBJECTS_AT),
    releasedBytes: bytes - space.word(SPACE_LIVE_BYTES_AT),
    isDone: space.word(SPACE_TRIAL_PHASE_AT) === TRIAL_IDLE && candidates === 0,
    candidates,
    ms: performance.now() - beganMs,
  }
  space.settle()
  return made
}

/** Go on until nothing is left, the units are used up, the time is, or there is no memory for it. */
function takeSteps(space: ObjectSpace, endMs: number, units: number): void {
  const lost = space.word(SPACE_TRIALS_LOST_AT)
  for (let unitsLeft = units; unitsLeft > 0; unitsLeft -= UNITS_PER_LOOK) {
    const phase = space.kernel.step(Math.min(unitsLeft, UNITS_PER_LOOK))
    if (phase === TRIAL_IDLE && space.word(SPACE_CANDIDATE_COUNT_AT) === 0) return
    if (space.word(SPACE_TRIALS_LOST_AT) !== lost || performance.now() >= endMs) return
  }
}
