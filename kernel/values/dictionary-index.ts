/**
 * The index of a dictionary: open addressing with linear probing (Knuth, TAOCP 3, 6.4, algorithm L) over positions. A
 * slot has six bits of the hash beside the position, so that few entries are looked at in vain. When it is too full its
 * slots go over into another one, some with each insertion and deletion; until then a search looks into both.
 */
import { check } from '../host'
import {
  DICTIONARY_DIRECTORY_AT,
  DICTIONARY_FIRST_AT,
  DICTIONARY_FROM_AT,
  DICTIONARY_INDEX_AT,
  DICTIONARY_MARKS_AT,
  DICTIONARY_MOVED_AT,
  DICTIONARY_OLD_INDEX_AT,
  DICTIONARY_SEGMENT_AT,
  DICTIONARY_USED_AT,
  DICTIONARY_ENTRY_BYTES,
  ENTRY_HASH_AT,
  INDEX_FIRST_SLOTS,
  SLOT_BIAS,
  SLOT_DELETED,
  SLOT_POSITION_MASK,
  SLOT_TAG_SHIFT,
} from '../value-layout'
import { NOWHERE, entryAt, entryIn, nextLive, numberAt, setNumberAt, worked } from './dictionary-entries'
import { isSameKey } from './keys'
import { isSameText, isString, textBytes, textOf } from './strings'
import { payloadBytes, put } from './world'

// ---- what is looked for ---------------------------------------------------------------------------------------------

/** A key as `keyFor` gave it. */
@unmanaged
@final
export class KeySought {
  // @ts-ignore: decorator
  @inline
  isAt(entry: usize, hash: u32, key: u32, _unused: u32): bool {
    const there = load<u32>(entry)
    return there == key || (load<u32>(entry, ENTRY_HASH_AT) == hash && isSameKey(there, key))
  }
}

/** A string of the text of `bytes` bytes at `at`. */
@unmanaged
@final
export class TextSought {
  // @ts-ignore: decorator
  @inline
  isAt(entry: usize, hash: u32, at: u32, bytes: u32): bool {
    if (load<u32>(entry, ENTRY_HASH_AT) != hash) return false
    const there = load<u32>(entry)
    return isString(there) && textBytes(there) == bytes && isSameText(textOf(there), at, bytes)
  }
}

// ---- search ---------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function slotCount(index: usize): u32 {
  return payloadBytes(index) >> 2
}

/** Slots of an index for so many entries. */
export function slotsFor(entries: u32): u32 {
  let slots = INDEX_FIRST_SLOTS
  while (slots - (slots >> 2) < entries) slots <<= 1
  return slots
}

// @ts-ignore: decorator
@inline
function firstSlot(hash: u32, slots: u32): u32 {
  return hash >> (clz(slots) + 1)
}

// @ts-ignore: decorator
@inline
function slotWord(position: u32, hash: u32): u32 {
  return (position + SLOT_BIAS) | ((hash << SLOT_TAG_SHIFT) & ~SLOT_POSITION_MASK)
}

/** Position of what is looked for, in one index. */
// @ts-ignore: decorator
@inline
function probe<S>(d: usize, index: usize, hash: u32, a: u32, b: u32): u32 {
  const slots = slotCount(index)
  const tag = hash << SLOT_TAG_SHIFT
  let i = firstSlot(hash, slots)
  while (true) {
    const slot = load<u32>(index + (<usize>i << 2))
    if (!slot) return NOWHERE
    i = (i + 1) & (slots - 1)
    if (((slot ^ tag) & ~SLOT_POSITION_MASK) != 0) continue
    const position = (slot & SLOT_POSITION_MASK) - SLOT_BIAS
    if (slot != SLOT_DELETED && changetype<S>(0).isAt(entryAt(d, position), hash, a, b)) return position
  }
}

/** Position of what is looked for, NOWHERE when it is not there. */
// @ts-ignore: decorator
@inline
export function find<S>(d: usize, hash: u32, a: u32, b: u32): u32 {
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  if (!index) return findLinear<S>(d, hash, a, b)
  const position = probe<S>(d, index, hash, a, b)
  return position == NOWHERE && load<usize>(d, DICTIONARY_OLD_INDEX_AT) ? findOld<S>(d, hash, a, b) : position
}

function findOld<S>(d: usize, hash: u32, a: u32, b: u32): u32 {
  return probe<S>(d, load<usize>(d, DICTIONARY_OLD_INDEX_AT), hash, a, b)
}

function findLinear<S>(d: usize, hash: u32, a: u32, b: u32): u32 {
  if (load<usize>(d, DICTIONARY_DIRECTORY_AT) || numberAt(d, DICTIONARY_FROM_AT)) {
    for (let p = nextLive(d, 0); p != NOWHERE; p = nextLive(d, p + 1)) {
      if (changetype<S>(0).isAt(entryAt(d, p), hash, a, b)) return p
    }
    return NOWHERE
  }
  const segment = load<usize>(d, DICTIONARY_SEGMENT_AT)
  if (!segment) return NOWHERE
  const used = numberAt(d, DICTIONARY_USED_AT)
  const start = entryIn(segment, 0)
  for (let p = numberAt(d, DICTIONARY_FIRST_AT); p < used; p++) {
    // A hole has no key, and no hash.
    if (changetype<S>(0).isAt(start + p * DICTIONARY_ENTRY_BYTES, hash, a, b)) return p
  }
  return NOWHERE
}

/** Address of the slot of a live position; 0 in a dictionary without an index. */
function slotOf(d: usize, position: u32, hash: u32): usize {
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  if (!index) return 0
  const slot = slotIn(index, position, hash)
  if (slot) return slot
  const old = load<usize>(d, DICTIONARY_OLD_INDEX_AT)
  return old ? slotIn(old, position, hash) : 0
}

function slotIn(index: usize, position: u32, hash: u32): usize {
  const slots = slotCount(index)
  const wanted = slotWord(position, hash)
  let i = firstSlot(hash, slots)
  while (true) {
    const at = index + (<usize>i << 2)
    const slot = load<u32>(at)
    if (slot == wanted) return at
    if (!slot) return 0
    i = (i + 1) & (slots - 1)
  }
}

// ---- changes --------------------------------------------------------------------------------------------------------

/** Enter a position, which is in no slot. */
export function enterSlot(d: usize, position: u32, hash: u32): void {
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  if (index && putSlot(index, position, hash)) setNumberAt(d, DICTIONARY_MARKS_AT, numberAt(d, DICTIONARY_MARKS_AT) + 1)
}

/** Whether the slot that it found was empty. */
// @ts-ignore: decorator
@inline
function putSlot(index: usize, position: u32, hash: u32): bool {
  const slots = slotCount(index)
  let i = firstSlot(hash, slots)
  while (load<u32>(index + (<usize>i << 2)) > SLOT_DELETED) i = (i + 1) & (slots - 1)
  const at = index + (<usize>i << 2)
  const wasEmpty = load<u32>(at) == 0
  store<u32>(at, slotWord(position, hash))
  return wasEmpty
}

/** The entry of a live position goes to another one. */
export function moveSlot(d: usize, from: u32, to: u32, hash: u32): void {
  const at = slotOf(d, from, hash)
  check(at != 0 || load<usize>(d, DICTIONARY_INDEX_AT) == 0, 1050, d)
  if (at) store<u32>(at, slotWord(to, hash))
}

/** The entry of a live position goes. */
export function removeSlot(d: usize, position: u32, hash: u32): void {
  const at = slotOf(d, position, hash)
  check(at != 0 || load<usize>(d, DICTIONARY_INDEX_AT) == 0, 1051, d)
  if (!at) return
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  const next = <u32>(at - index + 4) & (payloadBytes(index) - 1)
  // Where a search ends behind it anyway, nothing need be left behind.
  if (at - index < payloadBytes(index) && !load<u32>(index + next)) {
    store<u32>(at, 0)
    setNumberAt(d, DICTIONARY_MARKS_AT, numberAt(d, DICTIONARY_MARKS_AT) - 1)
  } else store<u32>(at, SLOT_DELETED)
}

/** Whether an index must be made, or another one, before one more position is entered. */
// @ts-ignore: decorator
@inline
export function isIndexFull(index: usize, marks: u32): bool {
  const slots = slotCount(index)
  return marks >= slots - (slots >> 2)
}

/** Enter all live positions. */
export function enterAll(d: usize): void {
  for (let p = nextLive(d, 0); p != NOWHERE; p = nextLive(d, p + 1)) {
    enterSlot(d, p, load<u32>(entryAt(d, p), ENTRY_HASH_AT))
    worked(1)
  }
}

/** Take `steps` slots of the old index over into the other one. */
export function moveSlots(d: usize, steps: u32): void {
  const old = load<usize>(d, DICTIONARY_OLD_INDEX_AT)
  if (!old) return
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  const moved = numberAt(d, DICTIONARY_MOVED_AT)
  const last = slotCount(old)
  const end = last - moved > steps ? moved + steps : last
  let marks = numberAt(d, DICTIONARY_MARKS_AT)
  for (let i = moved; i < end; i++) {
    const at = old + (<usize>i << 2)
    const slot = load<u32>(at)
    if (slot <= SLOT_DELETED) continue
    const position = (slot & SLOT_POSITION_MASK) - SLOT_BIAS
    marks += <u32>putSlot(index, position, load<u32>(entryAt(d, position), ENTRY_HASH_AT))
    store<u32>(at, SLOT_DELETED)
    worked(1)
  }
  setNumberAt(d, DICTIONARY_MARKS_AT, marks)
  setNumberAt(d, DICTIONARY_MOVED_AT, end)
  if (end == last) put(d, d + DICTIONARY_OLD_INDEX_AT, 0)
}
