/**
 * Picks allocations at random so that each byte has the same chance: a Poisson process over the bytes that are
 * allocated, as in tcmalloc and Go. The gaps from one sample to the next are exponential with a given mean, so an
 * allocation of w bytes is picked with probability 1 - e^(-w / mean), whatever came before it, and stands for the
 * reciprocal of that many. What is estimated so is right on average, also when the mean changes in between.
 */

/** xorshift, G. Marsaglia (2003): 32 bits, never 0. */
class Xorshift {
  #state: number

  constructor(seed: number) {
    // Small seeds are spread over all bits; 0 is the one state that it would never leave.
    this.#state = Math.imul(seed ^ (seed >>> 16) ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1
  }

  /** Above 0, at most 1. */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state / 2 ** 32
  }
}

export class ByteSampler {
  readonly #random: Xorshift

  /** `seed`: a whole number; the same one picks the same allocations of the same program. */
  constructor(seed: number) {
    this.#random = new Xorshift(seed)
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 8; i++) this.#random.next()
  }

  /** Bytes to the next sample. */
  gap(meanBytes: number): number {
    return -Math.log(this.#random.next()) * meanBytes
  }
}

/** How many allocations of `weightBytes` one that was picked stands for. */
export function unsampled(weightBytes: number, meanBytes: number): number {
  return -1 / Math.expm1(-weightBytes / meanBytes)
}
