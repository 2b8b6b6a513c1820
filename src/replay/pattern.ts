/**
 * What a check writes into blocks and objects: a sequence of words that depends on the block and on the place in it, so
 * that bytes of another block, bytes shifted, and bytes never written are all seen.
 */

const STEP = 0x9e3779b1

/**
 * Fills `[from, to)` of the block at `address` with the pattern of block `id`. Offsets in bytes, `from` a multiple of
 * 4.
 */
export function fillPattern(words: Uint32Array, address: number, from: number, to: number, id: number): void {
  const first = address >>> 2
  const end = to >>> 2
  for (let at = from >>> 2; at < end; at++) words[first + at] = patternWord(id, at)
  const rest = to & 3
  if (rest === 0) return
  const mask = (1 << (rest * 8)) - 1
  words[first + end] = ((words[first + end] as number) & ~mask) | (patternWord(id, end) & mask)
}

/**
 * Offset of the first word of `[from, to)` that differs from the pattern of block `id`, or -1. `from` a multiple of 4.
 */
export function findDamage(words: Uint32Array, address: number, from: number, to: number, id: number): number {
  const first = address >>> 2
  const end = to >>> 2
  for (let at = from >>> 2; at < end; at++) {
    if (words[first + at] !== patternWord(id, at)) return at * 4
  }
  const rest = to & 3
  if (rest === 0) return -1
  const mask = (1 << (rest * 8)) - 1
  return (((words[first + end] as number) ^ patternWord(id, end)) & mask) === 0 ? -1 : end * 4
}

function patternWord(id: number, at: number): number {
  return (Math.imul(id ^ 0x5bd1e995, STEP) + Math.imul(at, 0x85ebca6b)) >>> 0
}
