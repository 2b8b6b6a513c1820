/**
 * Storing words: what the new word refers to is counted up first, what the old one did is counted down last, so that
 * an object is safe in its way from one place to another, also through itself.
 *
 * A holder of 0 is a word outside of objects that counts: a root of the program's own, `globalObject`,
 * `pendingException`. Nothing is stored when a count would pass its most.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import { COUNTED_IN_TRIAL, STATUS_COUNT, WIDE_REFERENCE } from '../value-layout'
import { countWord, isFull, isReference } from './header'
import { decrement, increment } from './release'
import { touch } from './trial-list'

/** Whether `count` words lie at `address`: nothing else would be a store. */
// @ts-ignore: decorator
@inline
function isWords(address: usize, count: u32): bool {
  return !(address & 3) && <u64>address + ((<u64>count) << 2) <= <u64>(<u32>memory.size()) << 16
}

/** What a member of a trial holds changes. */
// @ts-ignore: decorator
@inline
function touchHolder(holder: usize): void {
  if (isReference(holder) && countWord(holder) & COUNTED_IN_TRIAL) touch(holder)
}

/** Store any word at `slot` of `holder`, or outside of objects with a holder of 0. A status. */
export function storeReference(holder: usize, slot: usize, word: u32): u32 {
  if (!isWords(slot, 1)) return STATUS_BAD_ARGUMENT
  const old = load<u32>(slot)
  if (old == word) return STATUS_OK
  if (isFull(word)) return STATUS_COUNT
  touchHolder(holder)
  if (isReference(word)) increment(word)
  store<u32>(slot, word)
  if (isReference(old)) decrement(old)
  return STATUS_OK
}

/** Copy `count` words from those at `from` to those at `to` of `holder`; the ranges may overlap. A status. */
export function copyReferences(holder: usize, to: usize, from: usize, count: u32): u32 {
  if (!isWords(to, count) || !isWords(from, count)) return STATUS_BAD_ARGUMENT
  const bytes = <usize>count << 2
  for (let at = from; at < from + bytes; at += 4) {
    const word = load<u32>(at)
    if (isFull(word)) {
      dropWords(from, at)
      return STATUS_COUNT
    }
    if (isReference(word)) increment(word)
  }
  touchHolder(holder)
  // What the target lost and the source did not hold goes now: nothing looks at the target before it is overwritten.
  dropWords(to, to + bytes)
  memory.copy(to, from, bytes)
  return STATUS_OK
}

/** Count down what the words of [from, to) refer to. */
export function dropWords(from: usize, to: usize): void {
  for (let at = from; at < to; at += 4) {
    const word = load<u32>(at)
    if (isReference(word)) decrement(word)
  }
}

/** Store a wide value at `slot` of `holder`: a reference if its upper half says so. A status. */
export function storeWide(holder: usize, slot: usize, low: u32, high: u32): u32 {
  if (!isWords(slot, 2)) return STATUS_BAD_ARGUMENT
  const oldLow = load<u32>(slot)
  const oldHigh = load<u32>(slot, 4)
  if (oldLow == low && oldHigh == high) return STATUS_OK
  const refers = high == WIDE_REFERENCE && isReference(low)
  if (refers && isFull(low)) return STATUS_COUNT
  touchHolder(holder)
  if (refers) increment(low)
  store<u32>(slot, low)
  store<u32>(slot, high, 4)
  if (oldHigh == WIDE_REFERENCE && isReference(oldLow)) decrement(oldLow)
  return STATUS_OK
}
