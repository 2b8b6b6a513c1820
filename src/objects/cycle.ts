/**
 * An incremental cycle: one marking of the old objects and what follows, done in steps between allocations. It lasts
 * from the step that begins it to the one after which SPACE_CYCLES_AT has grown by one. One
 * that a full collection brings to its end, or that a reset ends, leaves no record: what it freed is counted there.
 */
import {
  COLLECT_STEP,
  PHASE_IDLE,
  SPACE_CYCLES_AT,
  SPACE_LAST_UNITS_AT,
  SPACE_PHASE_AT,
} from '../../kernel/object-layout.js'
import { type Bracket, type CollectedSpace, PhaseClock } from './bracket.js'

export class Cycle {
  readonly phases = new PhaseClock()
  readonly cause: number
  readonly beganMs: number
  /** Of the heap, when it began. */
  readonly committedBytes: number
  readonly usedBytes: number
  readonly #cycles: number
  steps = 0
  units = 0
  /** Of the steps alone. */
  ms = 0
  longestStepMs = 0

  /** `step`: the bracket of the first one. */
  constructor(step: Bracket) {
    this.cause = step.cause
    this.beganMs = step.beganMs
    this.committedBytes = step.committedBytes
    this.usedBytes = step.usedBytes
    this.#cycles = step.cycles
  }

  /** Whether a step that begins now is one of this cycle's: not when the heap was reset, or another host ended it. */
  goesOn(step: Bracket): boolean {
    return step.cycles === this.#cycles
  }

  add(step: Bracket, space: CollectedSpace): void {
    this.steps++
    this.units += step.youngWord(space, SPACE_LAST_UNITS_AT)
    this.ms += step.ms
    this.longestStepMs = Math.max(this.longestStepMs, step.ms)
    this.phases.add(step.phases)
  }

  /** How it stands at the end of a step or of a full collection. */
  stateAfter(bracket: Bracket, space: CollectedSpace): 'ended' | 'given up' | 'going on' {
    // A full collection that brings it to its end counts what it frees itself.
    const isStep = bracket.kind === COLLECT_STEP
    if (isStep && bracket.youngWord(space, SPACE_CYCLES_AT) > this.#cycles) return 'ended'
    return bracket.youngWord(space, SPACE_PHASE_AT) === PHASE_IDLE ? 'given up' : 'going on'
  }
}
