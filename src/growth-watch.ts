/**
 * Growth of the memory, as listeners are told of it: when the call that caused it is over and the heap consistent.
 * What listeners make grow is told afterwards, not in between.
 */
import type { EventHub, GrowEvent } from './events.js'
import type { Interposer } from './interposer.js'
import { type Kernel, watchedKernel } from './kernel-instance.js'

export class GrowthWatch implements Interposer {
  readonly name = 'growth'
  readonly #events: EventHub
  #growth: GrowEvent | undefined
  #isTelling = false

  constructor(events: EventHub) {
    this.#events = events
  }

  wrap(kernel: Kernel): Kernel {
    return watchedKernel(kernel, () => this.tell())
  }

  /** The memory has grown in the middle of a kernel call; one event for all of a call's growth. */
  note(previousBytes: number, currentBytes: number): void {
    this.#growth = { previousBytes: this.#growth?.previousBytes ?? previousBytes, currentBytes }
  }

  /** Tell what has grown and was not told yet. */
  tell(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    for (let growth = this.#growth; growth; growth = this.#growth) {
      this.#growth = undefined
      this.#events.emit('grow', growth)
    }
    this.#isTelling = false
  }
}
