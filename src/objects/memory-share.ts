/**
 * How much of the time goes into collections for want of memory. Near its limit a heap may collect at every other
 * request and still find a little room each time: the program then stands, and being told that memory is out is kinder.
 *
 * Guarantee: the share is that of the last four such collections, and 0 before there have been four: one alone is no
 * habit. It falls as the program runs on.
 */

const COLLECTIONS = 4

export class MemoryShare {
  /** Beginnings and lengths of the last ones, the next to be overwritten at `#count % COLLECTIONS`. */
  readonly #beginsMs = new Float64Array(COLLECTIONS)
  readonly #lengthsMs = new Float64Array(COLLECTIONS)
  #count = 0

  add(beginMs: number, endMs: number): void {
    this.#beginsMs[this.#count % COLLECTIONS] = beginMs
    this.#lengthsMs[this.#count % COLLECTIONS] = endMs - beginMs
    this.#count++
  }

  clear(): void {
    this.#count = 0
  }

  /** Share, 0 to 1, of the time from the beginning of the oldest of them to `nowMs`. */
  shareAt(nowMs: number): number {
    if (this.#count < COLLECTIONS) return 0
    const elapsedMs = nowMs - (this.#beginsMs[this.#count % COLLECTIONS] as number)
    const collectingMs = this.#lengthsMs.reduce((sum, ms) => sum + ms, 0)
    return elapsedMs > 0 ? Math.min(1, collectingMs / elapsedMs) : 1
  }
}
