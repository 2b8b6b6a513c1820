/**
 * Storing words: what the new word refers to is counted up first, what the old one did is counted down last, so that
 * an object is safe in its way from one place to another, also through itself.
 *
 * A holder of 0 is a word outside of objects that counts: a root of the program's own, `globalObject`,
 * `pendingException`; whether that word is one of the program's only the program knows. A slot of a holder must lie in
 * it. What is refused has changed nothing: no word, no count.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import { SHAPE_WIDE } from '../object-layout'
import { typeInfo } from '../object-overlay'
import { payloadBytes, typeOf } from '../object/header'
import { heap } from '../overlay'
import { COUNTED_IN_TRIAL, COUNT_ONE, TRIAL_RELEASE, TRIAL_VISIT, WIDE_REFERENCE } from '../value-layout'
import { objectStatus, shareStatus } from './counts'
import { countWord, isLive, isObject, isReference, setCountWord } from './header'
import { dropWord, dropWords, hold, increment, letGo } from './release'
import { counted } from './state'
import { touch } from './trial-list'

/** Whether `count` words lie at `address` in memory. */
// @ts-ignore: decorator
@inline
function isWords(address: usize, count: u32): bool {
  return !(address & 3) && <u64>address + ((<u64>count) << 2) <= <u64>(<u32>memory.size()) << 16
}

/** Whether `count` words of `holder`, or with a holder of 0 of anywhere, lie at `slot`, as a status. */
function slotStatus(holder: usize, slot: usize, count: u32): u32 {
  if (!heap().space) return STATUS_BAD_ARGUMENT
  if (!holder) return isWords(slot, count) ? STATUS_OK : STATUS_BAD_ARGUMENT
  if (!isObject(holder) || !isLive(countWord(holder))) return objectStatus(holder)
  const end = <u64>(<u32>(slot - holder)) + ((<u64>count) << 2)
  return !(slot & 3) && end <= <u64>payloadBytes(holder) ? STATUS_OK : STATUS_BAD_ARGUMENT
}

/** What a member of a trial holds changes. */
// @ts-ignore: decorator
@inline
function touchHolder(holder: usize): void {
  if (holder && countWord(holder) & COUNTED_IN_TRIAL) touch(holder)
}

/** Store any word at `slot` of `holder`, or outside of objects with a holder of 0. A status. */
export function storeReference(holder: usize, slot: usize, word: u32): u32 {
  const status = slotStatus(holder, slot, 1)
  if (status) return status
  const old = load<u32>(slot)
  if (old == word) return STATUS_OK
  if (isReference(word)) {
    const share = shareStatus(word)
    if (share) return share
    increment(word)
  }
  touchHolder(holder)
  store<u32>(slot, word)
  dropWord(old)
  return STATUS_OK
}

/** Copy `count` words from those at `from` to those at `to` of `holder`; the ranges may overlap. A status. */
export function copyReferences(holder: usize, to: usize, from: usize, count: u32): u32 {
  const status = slotStatus(holder, to, count)
  if (status) return status
  if (!isWords(from, count)) return STATUS_BAD_ARGUMENT
  const bytes = <usize>count << 2
  const share = shareWords(from, from + bytes)
  if (share) return share
  touchHolder(holder)
  // Whose words are copied may be kept by what they are copied over: it goes when they are there.
  hold()
  dropWords(to, to + bytes)
  memory.copy(to, from, bytes)
  letGo()
  return STATUS_OK
}

/** Count up what the words of [from, to) refer to: all of it, or with another status than OK nothing. */
function shareWords(from: usize, to: usize): u32 {
  for (let at = from; at < to; at += 4) {
    const word = load<u32>(at)
    if (!isReference(word)) continue
    const status = shareStatus(word)
    if (status) {
      for (let back = from; back < at; back += 4) unshare(load<u32>(back))
      return status
    }
    increment(word)
  }
  return STATUS_OK
}

/** Take back what `increment` has just done. */
// @ts-ignore: decorator
@inline
function unshare(word: u32): void {
  if (isReference(word)) setCountWord(word, countWord(word) - COUNT_ONE)
}

/** Whether wide values lie there: half a double in the place of a word would be taken for a reference. */
function isWideSlot(holder: usize, slot: usize): bool {
  const info = typeInfo(typeOf(holder))
  return <u32>info.shape == SHAPE_WIDE && !(slot & 7) && slot >= holder + info.fixedBytes
}

/** Store a wide value at `slot` of `holder`: a reference if its upper half says so. A status. */
export function storeWide(holder: usize, slot: usize, low: u32, high: u32): u32 {
  const status = slotStatus(holder, slot, 2)
  if (status) return status
  if (holder && !isWideSlot(holder, slot)) return STATUS_BAD_ARGUMENT
  const oldLow = load<u32>(slot)
  const oldHigh = load<u32>(slot, 4)
  if (oldLow == low && oldHigh == high) return STATUS_OK
  if (high == WIDE_REFERENCE && isReference(low)) {
    const share = shareStatus(low)
    if (share) return share
    increment(low)
  }
  touchHolder(holder)
  store<u32>(slot, low)
  store<u32>(slot, high, 4)
  if (oldHigh == WIDE_REFERENCE) dropWord(oldLow)
  return STATUS_OK
}

/**
 * To be called before `count` words at `at` are moved with their counts, not counted anew: a trial may have met them
 * where they were and not meet them where they will be, or meet them twice. A status.
 */
export function touchWords(at: usize, count: u32): u32 {
  if (!heap().space || !isWords(at, count)) return STATUS_BAD_ARGUMENT
  const phase = counted().phase
  if (phase < TRIAL_VISIT || phase >= TRIAL_RELEASE) return STATUS_OK
  for (let slot = at, end = at + (<usize>count << 2); slot < end; slot += 4) {
    const word = load<u32>(slot)
    if (isObject(word) && countWord(word) & COUNTED_IN_TRIAL) touch(word)
  }
  return STATUS_OK
}
