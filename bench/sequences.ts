/** Random numbers with a seed, and the sequences of sizes and places that all contestants of a row work through. */

/** xorshift32 (Marsaglia 2003): numbers of 32 bits, the same for the same seed on every machine. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** Steps in a sequence; a run that needs more starts over. A power of two. */
export const SEQUENCE_STEPS = 1 << 18

/** Sizes from 16 to `max` bytes, evenly distributed. */
export function randomSizes(seed: number, max: number, count = SEQUENCE_STEPS): Uint32Array {
  const random = randomNumbers(seed)
  return Uint32Array.from({ length: count }, () => 16 + below(random(), max - 15))
}

/** Places from 0 to `live - 1`, evenly distributed. */
export function randomPlaces(seed: number, live: number): Uint32Array {
  const random = randomNumbers(seed)
  return Uint32Array.from({ length: SEQUENCE_STEPS }, () => below(random(), live))
}

/** Scales a number of 32 bits to 0 … `limit - 1`. */
function below(number: number, limit: number): number {
  return Math.floor((number / 2 ** 32) * limit)
}
