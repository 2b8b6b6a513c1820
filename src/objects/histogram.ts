/**
 * How long pauses were, in constant space: a log-linear histogram, after Gil Tene's HdrHistogram. Each power of two of
 * microseconds from 1 µs to 2^28 µs (four and a half minutes) is split into 16 buckets of one width.
 *
 * Guarantee: count and longest are exact, the total up to rounding. A percentile is never less than the exact one, and
 * more by at most a sixteenth of it, or by 1 µs below 1 µs.
 */

/** Buckets of one power of two. */
const SPLIT = 16
const POWERS = 28
/** The first one is for what is below 1 µs, the last one for what is above them all. */
const BUCKETS = POWERS * SPLIT + 2
const MICROSECONDS = 1000

/** How long things of one kind took. */
export interface DurationFigures {
  readonly count: number
  readonly totalMs: number
  /** Half of all, 90 of 100, 99 of 100 and 999 of 1,000 were no longer than this; at most a sixteenth too much. */
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

/** Durations from `fromMs` up to below `toMs`. */
export interface HistogramBucket {
  readonly fromMs: number
  readonly toMs: number
  readonly count: number
}

export class DurationHistogram {
  readonly #counts = new Float64Array(BUCKETS)
  #count = 0
  #totalMs = 0
  #maxMs = 0

  add(ms: number): void {
    const index = indexOf(ms * MICROSECONDS)
    this.#counts[index] = (this.#counts[index] as number) + 1
    this.#count++
    this.#totalMs += ms
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  get count(): number {
    return this.#count
  }

  get totalMs(): number {
    return this.#totalMs
  }

  get maxMs(): number {
    return this.#maxMs
  }

  /** The least upper end of a bucket that `share` of all durations do not exceed, and no more than the longest. */
  percentileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(this.#count * share))
    let seen = 0
    for (let index = 0; index < BUCKETS; index++) {
      seen += this.#counts[index] as number
      if (seen >= rank) return Math.min(this.#upperMs(index), this.#maxMs)
    }
    return 0
  }

  get figures(): DurationFigures {
    return {
      count: this.#count,
      totalMs: this.#totalMs,
      p50Ms: this.percentileMs(0.5),
      p90Ms: this.percentileMs(0.9),
      p99Ms: this.percentileMs(0.99),
      p999Ms: this.percentileMs(0.999),
      maxMs: this.#maxMs,
    }
  }

  /** The buckets that are not empty, shortest durations first. */
  get buckets(): HistogramBucket[] {
    const buckets: HistogramBucket[] = []
    this.#counts.forEach((count, index) => {
      if (count === 0) return
      buckets.push({ fromMs: lowerOf(index) / MICROSECONDS, toMs: this.#upperMs(index), count })
    })
    return buckets
  }

  /** The last bucket ends where the longest duration does. */
  #upperMs(index: number): number {
    return index === BUCKETS - 1 ? this.#maxMs : lowerOf(index + 1) / MICROSECONDS
  }
}

/** The bucket of a duration in microseconds. */
function indexOf(microseconds: number): number {
  // Also what is no number, and what a clock that was set back makes negative.
  if (!(microseconds >= 1)) return 0
  if (microseconds >= 2 ** POWERS) return BUCKETS - 1
  const power = 31 - Math.clz32(microseconds)
  const part = Math.floor((microseconds * SPLIT) / 2 ** power) - SPLIT
  return 1 + power * SPLIT + part
}

/** The least duration of a bucket, in microseconds. */
function lowerOf(index: number): number {
  if (index === 0) return 0
  const power = Math.floor((index - 1) / SPLIT)
  const part = (index - 1) % SPLIT
  return 2 ** power * (1 + part / SPLIT)
}
