/**
 * The pauses of one heap: how long the program stood, each time. A pause is a bracket that lies in no other. Each is
 * counted in two histograms, one of its kind and one of all, so that the kinds add up to the whole; the last ones are
 * kept as they were, for the utilisation.
 */
import { ArgumentError } from '../errors.js'
import { DurationHistogram } from './histogram.js'
import { MemoryShare } from './memory-share.js'
import { minimumUtilisation, PauseRing } from './utilisation.js'

/** What a pause was for; a step is a part of an incremental cycle. */
export type PauseKind = 'full' | 'compact' | 'minor' | 'step'

/** The share of windows of one length that was the program's, at the worst. */
export interface MutatorUtilisation {
  readonly windowMs: number
  /** 0 to 1. */
  readonly minimum: number
}

/** How a goal for pauses was kept. */
export interface PauseGoal {
  readonly goalMs: number
  /** Pauses since it was set, and how many of them were longer. */
  readonly count: number
  readonly exceeded: number
  /** Share, 0 to 1, that kept it; 1 of none. */
  readonly kept: number
}

export const WINDOWS_MS: readonly number[] = [1, 2, 5, 10, 20, 50, 100]

export class PauseLog {
  readonly all = new DurationHistogram()
  /** Those kinds that occurred. */
  readonly byKind = new Map<PauseKind, DurationHistogram>()
  readonly memory = new MemoryShare()
  readonly #ring: PauseRing
  #goalMs: number | undefined
  #goalCount = 0
  #goalExceeded = 0

  constructor(sinceMs: number) {
    this.#ring = new PauseRing(sinceMs)
  }

  add(kind: PauseKind, beganMs: number, endedMs: number): void {
    const ms = endedMs - beganMs
    this.all.add(ms)
    let own = this.byKind.get(kind)
    if (!own) {
      own = new DurationHistogram()
      this.byKind.set(kind, own)
    }
    own.add(ms)
    this.#ring.add(beganMs, endedMs)
    if (this.#goalMs === undefined) return
    this.#goalCount++
    if (ms > this.#goalMs) this.#goalExceeded++
  }

  get goalMs(): number | undefined {
    return this.#goalMs
  }

  /** @throws ArgumentError */
  set goalMs(ms: number | undefined) {
    if (ms !== undefined && !(Number.isFinite(ms) && ms > 0)) {
      throw new ArgumentError('pauseGoalMs', ms, 'a number of milliseconds above 0, or undefined')
    }
    this.#goalMs = ms
    this.#goalCount = 0
    this.#goalExceeded = 0
  }

  get goal(): PauseGoal | undefined {
    if (this.#goalMs === undefined) return undefined
    const [count, exceeded] = [this.#goalCount, this.#goalExceeded]
    return { goalMs: this.#goalMs, count, exceeded, kept: count === 0 ? 1 : 1 - exceeded / count }
  }

  /** For each of WINDOWS_MS that is no longer than the time in which all pauses are known. */
  utilisationUntil(nowMs: number): MutatorUtilisation[] {
    const { pauses } = this.#ring
    return WINDOWS_MS.flatMap((windowMs) => {
      const minimum = minimumUtilisation(pauses, windowMs, this.#ring.sinceMs, nowMs)
      return minimum === undefined ? [] : [{ windowMs, minimum }]
    })
  }
}
