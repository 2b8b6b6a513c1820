/**
 * Counts bytes down to the next sample. The one number that every allocation reads and writes is a small integer in a
 * field, which costs the engine no allocation; what is beyond it waits in another.
 */

/** Most that is counted down at a time: with one request taken off it is still far from the end of 31 bits. */
const PART_MAX = 2 ** 29

export class Countdown {
  #left = 0
  #beyond = 0
  /** What was left when bytes were asked for last. */
  #whole = 0
  #part = PART_MAX

  /** Take an allocation's weight off; whether it is to ask `isOver`. */
  take(weight: number): boolean {
    this.#left -= weight
    return this.#left < 0
  }

  /** Begin anew: an allocation that takes off `gap` or more is the sample. `take` says so each `partBytes`, too. */
  begin(gap: number, partBytes: number): void {
    this.#part = Math.min(Math.ceil(partBytes), PART_MAX)
    this.#whole = Math.ceil(gap) - 1
    this.#split(this.#whole)
  }

  /** After `take` said so: whether all of the gap is used up. */
  isOver(): boolean {
    const whole = this.#left + this.#beyond
    if (whole < 0) return true
    this.#split(whole)
    return false
  }

  /** Bytes that were taken off since `begin`, or since this was asked last. */
  counted(): number {
    const whole = this.#left + this.#beyond
    const bytes = this.#whole - whole
    this.#whole = whole
    return bytes
  }

  #split(whole: number): void {
    this.#left = Math.min(whole, this.#part)
    this.#beyond = whole - this.#left
  }
}
