/**
 * Decay: what was free for a whole delay is given back to the system. A timer looks once in each delay; what it finds
 * free is noted as idle by the kernel, and goes with the next look unless it was used in between. So memory goes back
 * between one and two delays after it became free, and memory that comes and goes stays. A look that finds much goes on
 * in ticks with pauses in between, so that the program is not held up for as long as all of it takes.
 *
 * The timer is of the heap's clock, does not keep a process alive, and does not keep a heap that nobody holds.
 */
import { checkOptions, checkRange } from './arguments.js'
import { TIMER_MAX_MS } from './clock.js'
import type { HeapCore } from './core.js'

/** Between two ticks of one look: more than a tick takes. */
const PAUSE_MS = 50

/** When free memory goes back to the system by itself. */
export interface DecayOptions {
  /**
   * Milliseconds, 1 to 2,147,483,647: what was free for so long is given back, at the latest after twice as long. Left
   * out: never.
   */
  readonly decayMs?: number
}

export interface DecayPlan {
  readonly decayMs: number
}

/** @throws ArgumentError */
export function checkDecay(given: DecayOptions = {}): DecayPlan | undefined {
  checkOptions('trim', given, ['decayMs'])
  if (given.decayMs === undefined) return undefined
  return { decayMs: checkRange('trim.decayMs', given.decayMs, 1, TIMER_MAX_MS) }
}

export class TrimDecay {
  readonly #core: HeapCore
  readonly #plan: DecayPlan
  #timerOff: (() => void) | undefined

  constructor(core: HeapCore, plan: DecayPlan) {
    this.#core = core
    this.#plan = plan
  }

  /** The heap is made: look for the first time now, where there is a system to give to; else say so, once. */
  begin(): void {
    const { obstacle } = this.#core.trimmer
    if (obstacle === undefined) this.#look()
    else queueMicrotask(() => this.#tell(obstacle))
  }

  /** Not before who made the heap can listen. */
  #tell(reason: string): void {
    if (!this.#core.isClosed) this.#core.events.emit('trim', { bytes: 0, cause: 'decommit', reason })
  }

  close(): void {
    this.#timerOff?.()
    this.#timerOff = undefined
  }

  #look(): void {
    const { isDone, error } = this.#core.trimmer.trimIdle()
    // Whoever is told may close the heap.
    if (error && !this.#core.isClosed) this.#core.events.emit('trim', { bytes: 0, cause: 'decommit', error })
    if (!this.#core.isClosed) this.#wait(isDone ? this.#plan.decayMs : Math.min(this.#plan.decayMs, PAUSE_MS))
  }

  #wait(ms: number): void {
    // A heap that nobody holds is not to be held by what it waits for.
    const self = new WeakRef(this)
    this.#timerOff = this.#core.clock.setTimer(ms, () => {
      const decay = self.deref()
      if (decay) decay.#look()
    })
  }
}
