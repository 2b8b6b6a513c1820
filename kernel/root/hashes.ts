/**
 * Identity hashes: a number for an object that stays the same wherever it moves. A header flag says that an object has
 * one; the number lies in a side table, so that no object grows.
 *
 *   table   [ { reference, hash, pending } ... in the order of asking ][ index: 2 * capacity numbers + 1, 0 free ]
 *
 * The index is an open-addressed hash table over the address, made anew when objects have moved or died: that needs no
 * memory. `pending` belongs to `collect/weak.ts` and is 0 between collections. Hashes come from a 32-bit xorshift
 * sequence (Marsaglia, Journal of Statistical Software 8(14), 2003), which repeats no value in 2^32 - 1 steps.
 */
import { STATUS_BAD_ARGUMENT, STATUS_FOREIGN, STATUS_OUT_OF_MEMORY } from '../layout'
import { OBJECT_HASHED } from '../object-layout'
import { refused, space } from '../object-overlay'
import { headWord, isHashed, isImmortal, setHeadWord } from '../object/header'
import { tableAlloc, tableFree } from '../object/memory'
import { isReference } from '../object/words'
import { isForeign } from '../object/owners'
import { isYoung, young } from '../young-overlay'

@unmanaged
export class HashEntry {
  reference: usize
  hash: u32
  pending: usize
}

const ENTRY_BYTES: u32 = 12
const INDEX_BYTES: u32 = 4
const FIRST_ENTRIES: u32 = 128
const FIRST_ENTRIES_EMBEDDED: u32 = 8
const ENTRIES_MAX: u32 = 1 << 26
const SEED: u32 = 0x9e3779b9

// @ts-ignore: decorator
@inline
export function hashEntry(index: u32): HashEntry {
  return changetype<HashEntry>(space().hashes + index * ENTRY_BYTES)
}

// @ts-ignore: decorator
@inline
function indexAt(slot: u32): usize {
  return space().hashes + space().hashCapacity * ENTRY_BYTES + slot * INDEX_BYTES
}

/** First place of the index for an address. The capacity is a power of two, the index twice as long. */
// @ts-ignore: decorator
@inline
function firstSlot(reference: usize): u32 {
  return (<u32>(reference >> 3) * SEED) >> clz(space().hashCapacity)
}

/** Entry of an object that has a hash; 0 if there is none. */
export function findHash(reference: usize): HashEntry {
  const s = space()
  const mask = (s.hashCapacity << 1) - 1
  let slot = firstSlot(reference)
  while (true) {
    const number = load<u32>(indexAt(slot & mask))
    if (!number) return changetype<HashEntry>(0)
    const entry = hashEntry(number - 1)
    if (entry.reference == reference) return entry
    slot++
  }
}

/** The hash of an object that has one, else 0. */
export function hashIfAny(reference: usize): u32 {
  if (isForeign(reference)) return 0
  if (isHashed(reference)) return findHash(reference).hash
  return isImmortal(reference) ? immortalHash(reference) : 0
}

/**
 * The object's hash: 31 bits, never 0; 0 when out of memory, or for an object of another heap. Never collects. An
 * immortal object has one that is kept nowhere.
 */
export function identityHash(reference: usize): u32 {
  if (!isReference(reference)) return refused(STATUS_BAD_ARGUMENT)
  if (isForeign(reference)) return refused(STATUS_FOREIGN)
  if (isHashed(reference)) return findHash(reference).hash
  const s = space()
  if (isImmortal(reference)) return immortalHash(reference)
  if (s.hashCount == s.hashCapacity && !growHashes()) return refused(STATUS_OUT_OF_MEMORY)
  const entry = hashEntry(s.hashCount)
  entry.reference = reference
  entry.hash = nextHash()
  entry.pending = 0
  enterIndex(s.hashCount++)
  setHeadWord(reference, headWord(reference) | OBJECT_HASHED)
  return entry.hash
}

/** Immortal objects are never written and never move: their address will do. */
// @ts-ignore: decorator
@inline
function immortalHash(reference: usize): u32 {
  return max<u32>((<u32>reference * SEED) >> 1, 1)
}

function nextHash(): u32 {
  let x = space().hashState
  if (!x) x = SEED
  do {
    x ^= x << 13
    x ^= x >> 17
    x ^= x << 5
  } while (!(x >> 1))
  space().hashState = x
  return x >> 1
}

function enterIndex(number: u32): void {
  const mask = (space().hashCapacity << 1) - 1
  let slot = firstSlot(hashEntry(number).reference)
  while (load<u32>(indexAt(slot & mask))) slot++
  store<u32>(indexAt(slot & mask), number + 1)
}

function growHashes(): bool {
  const s = space()
  // @ts-ignore: set by --use
  const capacity = s.hashCapacity ? s.hashCapacity << 1 : HW_EMBEDDED ? FIRST_ENTRIES_EMBEDDED : FIRST_ENTRIES
  if (capacity > ENTRIES_MAX) return false
  const table = tableAlloc(capacity * (ENTRY_BYTES + 2 * INDEX_BYTES))
  if (!table) return false
  const old = s.hashes
  if (old) memory.copy(table, old, s.hashCount * ENTRY_BYTES)
  s.hashes = table
  s.hashCapacity = capacity
  tableFree(old)
  remakeIndex()
  return true
}

/** Make the index anew from the entries. */
export function remakeIndex(): void {
  const s = space()
  if (!s.hashes) return
  memory.fill(indexAt(0), 0, s.hashCapacity * (2 * INDEX_BYTES))
  for (let i: u32 = 0; i < s.hashCount; i++) enterIndex(i)
}

/** After marking: keep the entries of objects that `S.survivor(reference)` says live, at their references now. */
export function updateHashes<S>(): void {
  const s = space()
  const count = s.hashCount
  if (!count) return
  let kept: u32 = 0
  let firstYoung = u32.MAX_VALUE
  for (let i: u32 = 0; i < count; i++) {
    const from = hashEntry(i)
    const hash = from.hash
    const now = changetype<S>(0).survivor(from.reference) as usize
    if (!now) continue
    // @ts-ignore: set by --use
    if (!HW_EMBEDDED) {
      if (isYoung(now)) firstYoung = min(firstYoung, kept)
    }
    const to = hashEntry(kept++)
    to.reference = now
    to.hash = hash
    to.pending = 0
  }
  s.hashCount = kept
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) young().hashFrom = min(firstYoung, kept)
  remakeIndex()
}

/**
 * After a minor collection: the same for the entries from `from` on, which is no later than the first one of a young
 * object, with an index that is corrected in place. The same number for then.
 */
export function updateYoungHashes<S>(from: u32): u32 {
  const s = space()
  let firstYoung = u32.MAX_VALUE
  for (let i = from; i < s.hashCount; ) {
    const entry = hashEntry(i)
    const reference = entry.reference
    const now = changetype<S>(0).survivor(reference) as usize
    if (!now) {
      removeHash(i)
      continue
    }
    if (now != reference) {
      leaveIndex(i)
      entry.reference = now
      enterIndex(i)
    }
    if (isYoung(now)) firstYoung = min(firstYoung, i)
    i++
  }
  return min(firstYoung, s.hashCount)
}

/**
 * The same for at most `most` entries of objects that are not young, in an incremental cycle, from `from` on: only the
 * dead are removed. Where to go on; `young().hashFrom` or above when there are no more.
 */
export function removeDeadHashes<S>(from: u32, most: u32): u32 {
  const y = young()
  let next = from
  for (let i: u32 = 0; i < most && next < min(y.hashFrom, space().hashCount); i++) {
    if (changetype<S>(0).survivor(hashEntry(next).reference)) {
      next++
      continue
    }
    // The entries of young objects stay behind those of old ones.
    const lastOld = min(y.hashFrom, space().hashCount) - 1
    leaveIndex(next)
    if (next != lastOld) moveHash(lastOld, next)
    const last = space().hashCount - 1
    if (lastOld != last) moveHash(last, lastOld)
    space().hashCount = last
    y.hashFrom = lastOld
  }
  return next
}

/** Remove an entry; the last one takes its place. */
function removeHash(number: u32): void {
  leaveIndex(number)
  const last = space().hashCount - 1
  if (number != last) moveHash(last, number)
  space().hashCount = last
}

/** Put the entry `from` in the place of `to`, which has left the index. */
function moveHash(from: u32, to: u32): void {
  store<u32>(indexAt(slotOf(from)), to + 1)
  const source = hashEntry(from)
  const target = hashEntry(to)
  target.reference = source.reference
  target.hash = source.hash
  target.pending = source.pending
}

/** Place of an entry in the index. */
function slotOf(number: u32): u32 {
  const mask = (space().hashCapacity << 1) - 1
  let slot = firstSlot(hashEntry(number).reference)
  while (load<u32>(indexAt(slot & mask)) != number + 1) slot++
  return slot & mask
}

/** Take an entry out of the index, and move up those behind it that would not be found across the gap. */
function leaveIndex(number: u32): void {
  const mask = (space().hashCapacity << 1) - 1
  let gap = slotOf(number)
  for (let slot = (gap + 1) & mask; ; slot = (slot + 1) & mask) {
    const other = load<u32>(indexAt(slot))
    if (!other) break
    const home = firstSlot(hashEntry(other - 1).reference) & mask
    // It may move when its home does not lie behind the gap.
    if (((slot - home) & mask) < ((slot - gap) & mask)) continue
    store<u32>(indexAt(gap), other)
    gap = slot
  }
  store<u32>(indexAt(gap), 0)
}

/** Visit the words that hold the objects with a hash. Afterwards the index must be made anew. */
export function visitHashSlots<V>(): void {
  for (let i: u32 = 0; i < space().hashCount; i++) changetype<V>(0).visit(changetype<usize>(hashEntry(i)))
}
