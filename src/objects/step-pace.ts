/**
 * How many work units a step of an incremental cycle may have so that it keeps the pause goal: the time of a unit is
 * learnt from the steps that there were. A step aims at half of the goal, since units differ (a cache miss costs more
 * than a hit) and the machine may be doing something else.
 */

import { COLLECT_STEP } from '../../kernel/object-layout.js'

/** Of a unit, until the first steps have been seen. */
const FIRST_UNIT_MS = 6e-6
/** Steps are put together until they have taken so long: clocks may be coarse, and short steps say little. */
const SEEN_MIN_MS = 0.05
const UNITS_MIN = 100
const UNITS_MAX = 50_000_000
/** Of the goal. */
const AIM = 0.5
/** How much one step counts: dearer ones more than cheaper ones. */
const DEARER_WEIGHT = 0.25
const CHEAPER_WEIGHT = 0.05
/** A step that seems dearer than so many times the usual was interrupted by something else. */
const DEAREST = 8

/** Goal of modes without one, which make no steps either. */
const NO_GOAL_MS = 1

export class StepPace {
  readonly #goalMs: number
  readonly #isFixed: boolean
  #unitMs = FIRST_UNIT_MS
  #beganMs = 0
  #isPlain = true
  #seenUnits = 0
  #seenMs = 0
  #units: number

  /** With `fixedUnits` nothing is learnt. */
  constructor(goalMs: number | undefined, fixedUnits?: number) {
    this.#goalMs = goalMs ?? NO_GOAL_MS
    this.#isFixed = fixedUnits !== undefined
    this.#units = fixedUnits ?? this.unitsFor(this.#goalMs * AIM)
  }

  /** Most units of a step. */
  get units(): number {
    return this.#units
  }

  /** As many as should take `ms`. */
  unitsFor(ms: number): number {
    return Math.round(Math.min(UNITS_MAX, Math.max(UNITS_MIN, ms / this.#unitMs)))
  }

  /** A bracket of `kind`, `COLLECT_…`, begins. */
  begin(kind: number): void {
    if (kind === COLLECT_STEP) {
      this.#beganMs = performance.now()
      this.#isPlain = true
    } else this.#isPlain = false
  }

  /** A step of `units` has ended; whether `units` have changed. */
  end(units: number): boolean {
    // One that has collected the nursery on the way says nothing of units.
    if (!this.#isPlain || this.#isFixed) return false
    this.#seenUnits += units
    this.#seenMs += performance.now() - this.#beganMs
    if (this.#seenMs < SEEN_MIN_MS || this.#seenUnits === 0) return false
    const seenMs = Math.min(this.#seenMs / this.#seenUnits, this.#unitMs * DEAREST)
    this.#seenUnits = 0
    this.#seenMs = 0
    const weight = seenMs > this.#unitMs ? DEARER_WEIGHT : CHEAPER_WEIGHT
    this.#unitMs += (seenMs - this.#unitMs) * weight
    const wanted = this.unitsFor(this.#goalMs * AIM)
    const hasChanged = wanted !== this.#units
    this.#units = wanted
    return hasChanged
  }
}
