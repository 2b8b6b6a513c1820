/**
 * Minimum mutator utilisation: of all windows of one length, the smallest share in which the program ran and not the
 * collector (Cheng and Blelloch, "A Parallel, Real-Time Garbage Collector", PLDI 2001). The longest pause says nothing
 * of many short ones close together; this does.
 *
 * Guarantee: exact up to rounding, over the pauses that are kept. The share as a function of where the window begins is
 * made of straight lines, and has its minima only where a window begins with a pause, ends with one, or touches an end
 * of the time that was seen. Those are all looked at, in time linear in the pauses.
 */

/** Pauses in order, which do not overlap. */
export interface Pauses {
  readonly beginsMs: Float64Array
  readonly endsMs: Float64Array
}

/** Most pauses that are kept: a megabyte for their beginnings and ends. */
export const PAUSES_KEPT_MAX = 65_536
const PAUSES_KEPT_FIRST = 256

/**
 * The smallest share, 0 to 1, of any window of `windowMs` inside `[fromMs, untilMs]`; undefined when that is shorter
 * than the window.
 */
export function minimumUtilisation(
  pauses: Pauses,
  windowMs: number,
  fromMs: number,
  untilMs: number,
): number | undefined {
  const lastMs = untilMs - windowMs
  if (!(lastMs >= fromMs)) return undefined
  const beginsWith = mostPaused(pauses, pauses.beginsMs, 0, windowMs, fromMs, lastMs)
  const endsWith = mostPaused(pauses, pauses.endsMs, windowMs, windowMs, fromMs, lastMs)
  return Math.min(1, Math.max(0, 1 - Math.max(beginsWith, endsWith) / windowMs))
}

/** The most that is paused in the windows that begin `before` each of `places`, moved inside what was seen. */
function mostPaused(
  pauses: Pauses,
  places: Float64Array,
  before: number,
  windowMs: number,
  fromMs: number,
  lastMs: number,
): number {
  const untilBegin = pausedUntil(pauses)
  const untilEnd = pausedUntil(pauses)
  let most = 0
  for (const place of places) {
    const begin = Math.min(Math.max(place - before, fromMs), lastMs)
    const paused = untilEnd(begin + windowMs) - untilBegin(begin)
    if (paused > most) most = paused
  }
  return most
}

/** How much of the time before `at` was pauses; to be asked with rising times only. */
function pausedUntil({ beginsMs, endsMs }: Pauses): (at: number) => number {
  let next = 0
  let sumMs = 0
  return (at) => {
    while (next < endsMs.length && (endsMs[next] as number) <= at) {
      sumMs += (endsMs[next] as number) - (beginsMs[next] as number)
      next++
    }
    return next < endsMs.length ? sumMs + Math.max(0, at - (beginsMs[next] as number)) : sumMs
  }
}

/** The last pauses, PAUSES_KEPT_MAX at most; a new one takes the place of the oldest. */
export class PauseRing {
  #beginsMs = new Float64Array(PAUSES_KEPT_FIRST)
  #endsMs = new Float64Array(PAUSES_KEPT_FIRST)
  #count = 0
  #sinceMs: number

  /** @param sinceMs when it begins to be told of pauses */
  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs
  }

  add(beginMs: number, endMs: number): void {
    if (this.#count === this.#endsMs.length && this.#count < PAUSES_KEPT_MAX) this.#grow()
    const at = this.#count % this.#endsMs.length
    if (this.#count >= PAUSES_KEPT_MAX) this.#sinceMs = this.#endsMs[at] as number
    this.#beginsMs[at] = beginMs
    this.#endsMs[at] = endMs
    this.#count++
  }

  #grow(): void {
    const [begins, ends] = [this.#beginsMs, this.#endsMs]
    this.#beginsMs = new Float64Array(begins.length * 2)
    this.#endsMs = new Float64Array(ends.length * 2)
    this.#beginsMs.set(begins)
    this.#endsMs.set(ends)
  }

  /** From when on every pause is kept. */
  get sinceMs(): number {
    return this.#sinceMs
  }

  /** Oldest first. */
  get pauses(): Pauses {
    return { beginsMs: this.#inOrder(this.#beginsMs), endsMs: this.#inOrder(this.#endsMs) }
  }

  #inOrder(times: Float64Array): Float64Array {
    if (this.#count <= times.length) return times.slice(0, this.#count)
    const oldest = this.#count % times.length
    const ordered = new Float64Array(times.length)
    ordered.set(times.subarray(oldest))
    ordered.set(times.subarray(0, oldest), times.length - oldest)
    return ordered
  }
}
