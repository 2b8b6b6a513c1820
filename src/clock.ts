/**
 * Time, as what waits and measures asks for it: pressure events, automatic collections, limits of rates. It is a part
 * of its own so that tests can put a clock in its place that they move by hand.
 */

/** A clock that is never set back, and its timers. */
export interface Clock {
  /** Milliseconds since some moment in the past. */
  nowMs(): number
  /**
   * Call `run` once, `ms` milliseconds from now or later; the function given back calls it off. A timer does not keep
   * the process alive.
   */
  setTimer(ms: number, run: () => void): () => void
}

/** What `setTimeout` takes at most. */
export const TIMER_MAX_MS = 2 ** 31 - 1

export const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  setTimer(ms, run) {
    const timer: unknown = setTimeout(run, Math.min(Math.max(ms, 0), TIMER_MAX_MS))
    // In browsers it is a number, and nothing is kept alive by it.
    if (typeof timer === 'object' && timer !== null) (timer as { unref?: () => void }).unref?.()
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>)
  },
}
