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
  #countedBytes = 0
  /** Sum over these bytes of the mean at which each passed. */
  #countedMeans = 0

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

  /** Whether that is more than what was asked for. */
  get isThrottled(): boolean {
    return this.#pace.isThrottled
  }

  /** The mean at which bytes have passed, on average. */
  get effectiveMeanBytes(): number {
    return this.#countedBytes > 0 ? this.#countedMeans / this.#countedBytes : this.meanBytes
  }

  /** Bytes after which to `look`, sample or none. */
  get lookBytes(): number {
    return this.#pace.lookBytes
  }

  gap(): number {
    return this.#dice.gap(this.#pace.meanBytes)
  }

  /** The mean may be another one after this. */
  look(): void {
    if (this.#pace.isBound) this.#pace.look(this.#now())
  }

  /** These bytes have passed at a mean. */
  count(bytes: number, meanBytes: number): void {
    this.#countedBytes += bytes
    this.#countedMeans += bytes * meanBytes
  }

  /** Forget all that was sampled. */
  clear(): void {
    this.sites.clear()
    this.#countedBytes = 0
    this.#countedMeans = 0
  }

  /** Note an allocation of `bytes` at the calls that have led here; it was picked by its weight at a mean gap. */
  take(bytes: number, weightBytes: number, meanBytes: number, tenant: string | undefined): Sampled {
    const beganMs = this.#now()
    const sampled = this.sites.add(this.#stacks.capture(), bytes, unsampled(weightBytes, meanBytes), tenant)
    this.#pace.spend(beganMs, this.#now())
    return sampled
  }
}
