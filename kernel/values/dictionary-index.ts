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
  INDEX_FLAT_SLOTS,
  INDEX_PART_SHIFT,
  SLOT_BIAS,
  SLOT_DELETED,
  SLOT_POSITION_MASK,
  SLOT_TAG_SHIFT,
} from '../value-layout'
import { entryAt, entryIn, nextLive, numberAt, setNumberAt, worked } from './dictionary-entries'
import { isSameKey } from './keys'
import { isSameText, isString, textBytes, textOf } from './strings'
import { NOWHERE, payloadBytes, put } from './world'

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

// ---- slots ----------------------------------------------------------------------------------------------------------

/** Slots of an index. The payload of a flat one is a power of two, that of one in parts has a word more. */
// @ts-ignore: decorator
@inline
export function slotCount(index: usize): u32 {
  const bytes = payloadBytes(index)
  return bytes & (bytes - 1) ? ((bytes >> 2) - 1) << INDEX_PART_SHIFT : bytes >> 2
}

/** The word of an index in parts for the part that has slot `i`. */
// @ts-ignore: decorator
@inline
export function partAt(index: usize, i: u32): usize {
  return index + ((<usize>i >> INDEX_PART_SHIFT) << 2)
}

/** Address of slot `i` of an index of `slots`, 0 in a part that is not there. */
// @ts-ignore: decorator
@inline
export function slotAt(index: usize, slots: u32, i: u32): usize {
  if (slots <= INDEX_FLAT_SLOTS) return index + (<usize>i << 2)
  const part = load<usize>(partAt(index, i))
  return part ? part + (<usize>(i & ((1 << INDEX_PART_SHIFT) - 1)) << 2) : 0
}

/** What slot `i` holds. */
// @ts-ignore: decorator
@inline
export function slotWordAt(index: usize, slots: u32, i: u32): u32 {
  const at = slotAt(index, slots, i)
  return at ? load<u32>(at) : 0
}

// ---- search ---------------------------------------------------------------------------------------------------------

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

/**
 * Position of what is looked for, in one index whose slots below `from` refer to nothing: parts of them may be gone, so
 * nothing is said by their being empty.
 */
// @ts-ignore: decorator
@inline
function probe<S>(d: usize, index: usize, from: u32, hash: u32, a: u32, b: u32): u32 {
  const slots = slotCount(index)
  const tag = hash << SLOT_TAG_SHIFT
  let i = max(firstSlot(hash, slots), from)
  while (true) {
    const slot = slotWordAt(index, slots, i)
    if (!slot || i < from) return NOWHERE
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
  const position = probe<S>(d, index, 0, hash, a, b)
  return position == NOWHERE && load<usize>(d, DICTIONARY_OLD_INDEX_AT) ? findOld<S>(d, hash, a, b) : position
}

function findOld<S>(d: usize, hash: u32, a: u32, b: u32): u32 {
  return probe<S>(d, load<usize>(d, DICTIONARY_OLD_INDEX_AT), numberAt(d, DICTIONARY_MOVED_AT), hash, a, b)
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

/** Number of the slot of a live position in one index, as `probe` looks for it; NOWHERE when it is not in it. */
function slotIn(index: usize, from: u32, position: u32, hash: u32): u32 {
  const slots = slotCount(index)
  const wanted = slotWord(position, hash)
  let i = max(firstSlot(hash, slots), from)
  while (true) {
    const slot = slotWordAt(index, slots, i)
    if (!slot || i < from) return NOWHERE
    if (slot == wanted) return i
    i = (i + 1) & (slots - 1)
  }
}

/** Address of the slot of a live position in the old index. */
function oldSlotOf(d: usize, position: u32, hash: u32): usize {
  const old = load<usize>(d, DICTIONARY_OLD_INDEX_AT)
  const i = old ? slotIn(old, numberAt(d, DICTIONARY_MOVED_AT), position, hash) : NOWHERE
  check(i != NOWHERE, 1050, d)
  return slotAt(old, slotCount(old), i)
}

/** Number of the part of an index that must be made before a position can be entered; NOWHERE when none must. */
export function missingPart(index: usize, hash: u32): u32 {
  const slots = slotCount(index)
  if (slots <= INDEX_FLAT_SLOTS) return NOWHERE
  let i = firstSlot(hash, slots)
  while (true) {
    const at = slotAt(index, slots, i)
    if (!at) return i >> INDEX_PART_SHIFT
    if (load<u32>(at) <= SLOT_DELETED) return NOWHERE
    i = (i + 1) & (slots - 1)
  }
}

// ---- changes --------------------------------------------------------------------------------------------------------

/** Enter a position, which is in no slot; no part is missing for it. */
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
  while (load<u32>(slotAt(index, slots, i)) > SLOT_DELETED) i = (i + 1) & (slots - 1)
  const at = slotAt(index, slots, i)
  const wasEmpty = load<u32>(at) == 0
  store<u32>(at, slotWord(position, hash))
  return wasEmpty
}

/** The entry of a live position goes to another one. */
export function moveSlot(d: usize, from: u32, to: u32, hash: u32): void {
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  if (!index) return
  const i = slotIn(index, 0, from, hash)
  const at = i == NOWHERE ? oldSlotOf(d, from, hash) : slotAt(index, slotCount(index), i)
  store<u32>(at, slotWord(to, hash))
}

/** The entry of a live position goes. */
export function removeSlot(d: usize, position: u32, hash: u32): void {
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  if (!index) return
  const slots = slotCount(index)
  const i = slotIn(index, 0, position, hash)
  if (i == NOWHERE) store<u32>(oldSlotOf(d, position, hash), SLOT_DELETED)
  else if (slotWordAt(index, slots, (i + 1) & (slots - 1))) store<u32>(slotAt(index, slots, i), SLOT_DELETED)
  else {
    // A search ends behind it anyway: nothing need be left behind.
    store<u32>(slotAt(index, slots, i), 0)
    setNumberAt(d, DICTIONARY_MARKS_AT, numberAt(d, DICTIONARY_MARKS_AT) - 1)
  }
}

/** Whether an index must be made, or another one, before one more position is entered. */
// @ts-ignore: decorator
@inline
export function isIndexFull(index: usize, marks: u32): bool {
  const slots = slotCount(index)
  return marks >= slots - (slots >> 2)
}

/** The part of the index that keeps the next slot of the old one from going over; NOWHERE when none does. */
export function blockingPart(d: usize): u32 {
  const old = load<usize>(d, DICTIONARY_OLD_INDEX_AT)
  const slot = slotWordAt(old, slotCount(old), numberAt(d, DICTIONARY_MOVED_AT))
  if (slot <= SLOT_DELETED) return NOWHERE
  return missingPart(load<usize>(d, DICTIONARY_INDEX_AT), hashOfSlot(d, slot))
}

/** Hash of the entry that a slot refers to. */
// @ts-ignore: decorator
@inline
function hashOfSlot(d: usize, slot: u32): u32 {
  return load<u32>(entryAt(d, (slot & SLOT_POSITION_MASK) - SLOT_BIAS), ENTRY_HASH_AT)
}

/** Take `steps` slots of the old index over into the other one, or fewer when a part of that is missing. */
export function moveSlots(d: usize, steps: u32): void {
  const old = load<usize>(d, DICTIONARY_OLD_INDEX_AT)
  if (!old) return
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  const last = slotCount(old)
  let i = numberAt(d, DICTIONARY_MOVED_AT)
  const end = last - i > steps ? i + steps : last
  let marks = numberAt(d, DICTIONARY_MARKS_AT)
  const isFlat = slotCount(index) <= INDEX_FLAT_SLOTS
  for (; i < end; i++) {
    const at = slotAt(old, last, i)
    const slot = at ? load<u32>(at) : 0
    if (slot <= SLOT_DELETED) continue
    const hash = hashOfSlot(d, slot)
    if (!isFlat && missingPart(index, hash) != NOWHERE) break
    marks += <u32>putSlot(index, (slot & SLOT_POSITION_MASK) - SLOT_BIAS, hash)
    store<u32>(at, SLOT_DELETED)
    worked(1)
  }
  setNumberAt(d, DICTIONARY_MARKS_AT, marks)
  if (last > INDEX_FLAT_SLOTS) dropParts(old, numberAt(d, DICTIONARY_MOVED_AT), i)
  setNumberAt(d, DICTIONARY_MOVED_AT, i)
  if (i == last) put(d, d + DICTIONARY_OLD_INDEX_AT, 0)
}

/** The parts of an old index go one by one, as soon as all of their slots have gone over. */
function dropParts(old: usize, from: u32, to: u32): void {
  const end = to >> INDEX_PART_SHIFT
  for (let part = from >> INDEX_PART_SHIFT; part < end; part++) put(old, old + (<usize>part << 2), 0)
}
