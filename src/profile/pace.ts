/**
 * Keeps what profiling costs to about a share of the time: where samples come so fast that taking them would cost more,
 * as in a program that allocates gigabytes a second, the mean gap between them is raised, and lowered again later.
 *
 * The more evenly a mean is kept, the better are the estimates: they are as rough as the bytes that passed at the
 * highest mean. So what samples cost is measured over a window of several, the mean goes half of the way, by ratio, to
 * the one that would have cost what is allowed, and at most by a factor of 2. A window of few samples, in which the
 * program has become slow, only lowers it.
 *
 * Estimates stay right on average: a mean is decided from what has been, and holds for what comes after.
 */

/** Samples that a window ends with. */
const WINDOW_SAMPLES = 8
/** From here on a window ends without them where they are too few. */
const WINDOW_MS = 50
const STEP_MAX = 2
const FACTOR_MAX = 2 ** 16
/** Looks at the clock for each mean that passes: a look costs a hundredth of a sample. */
const LOOKS_PER_MEAN = 8

export class Pace {
  readonly #askedBytes: number
  readonly #timeShare: number
  #meanBytes: number
  #windowBeganMs: number
  #samples = 0
  #spentMs = 0
  #dearestMs = 0
  /** Of a sample, in the newest window that ended with enough of them. */
  #costMs = 0

  /** `timeShare`: most of the time that samples may take, 0 to 1; 1 for as long as they take. */
  constructor(askedBytes: number, timeShare: number, nowMs: number) {
    this.#askedBytes = askedBytes
    this.#meanBytes = askedBytes
    this.#timeShare = timeShare
    this.#windowBeganMs = nowMs
  }

  get isBound(): boolean {
    return this.#timeShare < 1
  }

  /** Mean bytes to the next sample. */
  get meanBytes(): number {
    return this.#meanBytes
  }

  get isThrottled(): boolean {
    return this.#meanBytes > this.#askedBytes
  }

  /** Bytes after which to `look`, sample or none. What was asked for is not lowered: no need to look then. */
  get lookBytes(): number {
    return this.isThrottled ? this.#meanBytes / LOOKS_PER_MEAN : Number.POSITIVE_INFINITY
  }

  /** A sample was taken in this time. */
  spend(beganMs: number, endedMs: number): void {
    const costMs = endedMs - beganMs
    this.#samples++
    this.#spentMs += costMs
    this.#dearestMs = Math.max(this.#dearestMs, costMs)
    this.look(endedMs)
  }

  /** Time has passed: the mean may be another one now. */
  look(nowMs: number): void {
    if (!this.isBound) return
    const allowedMs = (nowMs - this.#windowBeganMs) * this.#timeShare
    if (this.#samples >= WINDOW_SAMPLES) {
      this.#costMs = this.#usualMs()
      this.#step(this.#samples * this.#costMs, allowedMs)
      this.#beginWindow(nowMs)
    } else if (nowMs - this.#windowBeganMs >= WINDOW_MS) {
      const spentMs = (this.#samples + 1) * this.#costMs
      if (spentMs >= allowedMs) return
      this.#step(spentMs, allowedMs)
      this.#beginWindow(nowMs)
    }
  }

  /**
   * What a sample of the window cost. The dearest counts for twice the others at most: the first of all, or one during
   * which the engine collected or another process ran, says little about the next. On a clock that ticks more seldom
   * than samples are taken, what one seems to take is what all of them took.
   */
  #usualMs(): number {
    const othersMs = this.#spentMs - this.#dearestMs
    if (othersMs === 0) return this.#spentMs / this.#samples
    const usualMs = othersMs / (this.#samples - 1)
    return (othersMs + Math.min(this.#dearestMs, usualMs * 2)) / this.#samples
  }

  #step(spentMs: number, allowedMs: number): void {
    // A clock that stands still says nothing of samples that took no time on it.
    if (spentMs === 0 && allowedMs === 0) return
    const step = Math.min(Math.max(Math.sqrt(spentMs / allowedMs), 1 / STEP_MAX), STEP_MAX)
    const raised = Math.max(this.#meanBytes * step, this.#askedBytes)
    this.#meanBytes = Math.min(raised, this.#askedBytes * FACTOR_MAX)
  }

  #beginWindow(nowMs: number): void {
    this.#windowBeganMs = nowMs
    this.#samples = 0
    this.#spentMs = 0
    this.#dearestMs = 0
  }
}
