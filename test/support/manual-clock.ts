/** A clock that stands still until a test moves it; its timers then run in the order in which they are due. */
import type { Clock } from '../../src/index.js'

interface Timer {
  readonly atMs: number
  readonly run: () => void
}

export class ManualClock implements Clock {
  #nowMs = 0
  readonly #timers = new Set<Timer>()

  nowMs(): number {
    return this.#nowMs
  }

  setTimer(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** How many timers have yet to run. */
  get waiting(): number {
    return this.#timers.size
  }

  /** Let `ms` pass; what timers start meanwhile runs, too, if it is due. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (let next = this.#nextUntil(endMs); next; next = this.#nextUntil(endMs)) {
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
    }
    this.#nowMs = endMs
  }

  /** Let `ms` pass while nothing else runs, as in a long loop: what is due runs with the next `advance`. */
  block(ms: number): void {
    this.#nowMs += ms
  }

  #nextUntil(endMs: number): Timer | undefined {
    const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs)
    return due.sort((a, b) => a.atMs - b.atMs)[0]
  }
}
