/** Lists in the memory of a heap, followed by somebody who must not go round in circles when they were overwritten. */
import { CorruptionError } from '../errors.js'

/** Longest list: a heap of 4 GiB has no room for more pieces. */
const MEMBERS_MAX = 2 ** 26

/**
 * The addresses of a list from `first` on, each of which has that of the next at `nextAt`; 0 ends it.
 *
 * @throws CorruptionError when it leaves the memory or does not end
 */
export function listFrom(u32: Uint32Array, first: number, nextAt: number): number[] {
  const members: number[] = []
  const seen = new Set<number>()
  for (let at = first; at !== 0; ) {
    const next = at % 4 === 0 ? u32[(at + nextAt) >>> 2] : undefined
    if (next === undefined) throw new CorruptionError(at, 'a list of the heap leads out of its memory')
    if (seen.has(at) || seen.size >= MEMBERS_MAX) throw new CorruptionError(at, 'a list of the heap does not end')
    seen.add(at)
    members.push(at)
    at = next
  }
  return members
}
