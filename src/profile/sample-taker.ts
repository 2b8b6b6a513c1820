/** What the heaps of one profile share: the dice, the pace, the stacks, and the table that samples go to. */
import { ByteSampler, unsampled } from './byte-sampler.js'
import type { StackSource } from './call-stack.js'
import { Pace } from './pace.js'
import { type Sampled, SiteTable } from './site-table.js'

export interface TakerOptions {
  readonly meanBytes: number
  readonly seed: number
  readonly timeShare: number
  readonly stacks: StackSource
  /** Milliseconds of a clock that is never set back. */
  readonly now: () => number
}

export class SampleTaker {
  readonly sites = new SiteTable()
  readonly #dice: ByteSampler
  readonly #pace: Pace
  readonly #stacks: StackSource
  readonly #now: () => number

  constructor({ meanBytes, seed, timeShare, stacks, now }: TakerOptions) {
    this.#dice = new ByteSampler(seed)
    this.#pace = new Pace(meanBytes, timeShare, now())
    this.#stacks = stacks
    this.#now = now
  }

  /** The mean that the next gap is drawn with. */
  get meanBytes(): number {
    return this.#pace.meanBytes
  }

  gap(): number {
    return this.#dice.gap(this.#pace.meanBytes)
  }

  /** Note an allocation of `bytes` at the calls that have led here; it was picked by its weight at a mean gap. */
  take(bytes: number, weightBytes: number, meanBytes: number, tenant: string | undefined): Sampled {
    const beganMs = this.#now()
    const sampled = this.sites.add(this.#stacks.capture(), bytes, unsampled(weightBytes, meanBytes), tenant)
    this.#pace.spend(beganMs, this.#now())
    return sampled
  }
}
