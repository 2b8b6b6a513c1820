/**
 * Keeps what profiling costs to a share of the time: when samples come so fast that taking them would cost more, as in
 * a program that allocates gigabytes a second, the mean gap between them is doubled until it does not, and halved again
 * later. A sample counts for as many allocations as the mean says that its gap was drawn with.
 */

/** What may be saved up for a burst. */
const CREDIT_MAX_MS = 1
const FACTOR_MAX = 2 ** 16

export class Pace {
  readonly #meanBytes: number
  readonly #timeShare: number
  #factor = 1
  #creditMs = CREDIT_MAX_MS / 2
  #lastMs: number

  /** `timeShare`: most of the time that samples may take, 0 to 1; 1 for as long as they take. */
  constructor(meanBytes: number, timeShare: number, nowMs: number) {
    this.#meanBytes = meanBytes
    this.#timeShare = timeShare
    this.#lastMs = nowMs
  }

  /** Mean bytes to the next sample. */
  get meanBytes(): number {
    return this.#meanBytes * this.#factor
  }

  /** A sample was taken in this time. */
  spend(beganMs: number, endedMs: number): void {
    if (this.#timeShare >= 1) return
    const earned = this.#timeShare * (endedMs - this.#lastMs)
    this.#creditMs = Math.min(this.#creditMs + earned, CREDIT_MAX_MS) - (endedMs - beganMs)
    this.#lastMs = endedMs
    if (this.#creditMs < 0) this.#factor = Math.min(this.#factor * 2, FACTOR_MAX)
    else if (this.#factor > 1) this.#factor /= 2
  }
}
