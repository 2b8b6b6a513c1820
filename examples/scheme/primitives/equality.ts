/** `eqv?` and `equal?`. Data may be nested as deeply as it likes, and have cycles. */
import { isInteger, type Memory } from '../memory.js'

export function isEqv(memory: Memory, a: number, b: number): boolean {
  if (a === b) return true
  if (isInteger(a) || !memory.is(a, memory.types.float) || !memory.is(b, memory.types.float)) return false
  return Object.is(memory.floatOf(a), memory.floatOf(b))
}

/** After so many comparisons pairs of objects are remembered: what is compared already is not compared again. */
const CYCLE_SUSPECTED = 10_000

/** Allocates nothing. */
export function isEqual(memory: Memory, one: number, other: number): boolean {
  const waiting = [one, other]
  const seen = new Map<number, Set<number>>()
  for (let steps = 0; waiting.length > 0; steps++) {
    const b = waiting.pop() as number
    const a = waiting.pop() as number
    if (isEqv(memory, a, b)) continue
    const kind = comparable(memory, a, b)
    if (kind === 'no') return false
    if (kind === 'text') {
      if (!isSameText(memory, a, b)) return false
      continue
    }
    if (steps > CYCLE_SUSPECTED) {
      const with_ = seen.get(a) ?? new Set()
      if (with_.has(b)) continue
      seen.set(a, with_.add(b))
    }
    for (let i = memory.length(a) - 4; i >= 0; i -= 4) waiting.push(memory.load(a, i), memory.load(b, i))
  }
  return true
}

function comparable(memory: Memory, a: number, b: number): 'words' | 'text' | 'no' {
  const { types } = memory
  const isKind = (type: number) => memory.is(a, type) && memory.is(b, type)
  if (isKind(types.pair)) return 'words'
  if (isKind(types.vector)) return memory.length(a) === memory.length(b) ? 'words' : 'no'
  return isKind(types.string) || isKind(types.bytevector) ? 'text' : 'no'
}

function isSameText(memory: Memory, a: number, b: number): boolean {
  if (memory.is(a, memory.types.string)) return memory.words.equals(memory.load(a, 0), memory.load(b, 0))
  const one = memory.bytesOf(a)
  const other = memory.bytesOf(b)
  return one.length === other.length && one.every((byte, i) => byte === other[i])
}
