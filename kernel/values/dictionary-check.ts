/** Whether a dictionary is whole: the invariants of "dictionaries" in `value-layout.ts`, found anew from its parts. */
import { isZero } from '../check/totals'
import { OBJECT_IMMORTAL } from '../object-layout'
import {
  DICTIONARY_COUNT_AT,
  DICTIONARY_DIRECTORY_AT,
  DICTIONARY_ENTRY_BYTES,
  DICTIONARY_FIRST_AT,
  DICTIONARY_FROM_AT,
  DICTIONARY_INDEX_AT,
  DICTIONARY_KEYS_AT,
  DICTIONARY_MARKS_AT,
  DICTIONARY_MOVED_AT,
  DICTIONARY_OLD_INDEX_AT,
  DICTIONARY_PAYLOAD_BYTES,
  DICTIONARY_POSITIONS_MAX,
  DICTIONARY_SEGMENT_AT,
  DICTIONARY_TO_AT,
  DICTIONARY_USED_AT,
  ENTRY_HASH_AT,
  ENTRY_VALUE_AT,
  INDEX_FLAT_SLOTS,
  INDEX_PART_SHIFT,
  KEYS_INTEGER,
  SLOT_BIAS,
  SLOT_DELETED,
  SLOT_POSITION_MASK,
  VALUES_TYPE_BYTES_AT,
  VALUES_TYPE_WORDS_AT,
} from '../value-layout'
import {
  entryAt,
  entryIn,
  isLive,
  numberAt,
  segmentBytes,
  segmentCapacity,
  segmentEntries,
  segmentOf,
  segmentShift,
} from './dictionary-entries'
import { KeySought, find, slotCount, slotWordAt } from './dictionary-index'
import { hashOfKey, keyFor } from './keys'
import { headWord, isOf, payloadBytes } from './world'

/** Whether `d`, an object of the type of dictionaries, is whole. */
export function isDictionaryWhole(d: usize): bool {
  return areWordsSane(d) && areEntriesWhole(d) && isIndexWhole(d)
}

function areWordsSane(d: usize): bool {
  if (payloadBytes(d) != DICTIONARY_PAYLOAD_BYTES) return false
  for (let at: u32 = 0; at < DICTIONARY_PAYLOAD_BYTES; at += 4) {
    const isPart = at - DICTIONARY_SEGMENT_AT <= DICTIONARY_OLD_INDEX_AT - DICTIONARY_SEGMENT_AT
    if (!isPart && !(load<u32>(d + at) & 1)) return false
  }
  const used = numberAt(d, DICTIONARY_USED_AT)
  const from = numberAt(d, DICTIONARY_FROM_AT)
  const to = numberAt(d, DICTIONARY_TO_AT)
  if (numberAt(d, DICTIONARY_KEYS_AT) > KEYS_INTEGER || used > DICTIONARY_POSITIONS_MAX) return false
  if (from > used || to > from || numberAt(d, DICTIONARY_FIRST_AT) > used) return false
  return areSegmentsSane(d, used)
}

function isWords(word: u32, bytes: u32): bool {
  return isOf(word, VALUES_TYPE_WORDS_AT) && payloadBytes(word) == bytes
}

function areSegmentsSane(d: usize, used: u32): bool {
  const segment = load<u32>(d, DICTIONARY_SEGMENT_AT)
  const directory = load<u32>(d, DICTIONARY_DIRECTORY_AT)
  if (segment) {
    if (directory || !isOf(segment, VALUES_TYPE_WORDS_AT)) return false
    const capacity = segmentCapacity(segment)
    if (payloadBytes(segment) != segmentBytes(capacity) || capacity > segmentEntries() || used > capacity) return false
    return isEmptyFrom(segment, 0, used)
  }
  if (!directory) return numberAt(d, DICTIONARY_COUNT_AT) == 0
  if (!isOf(directory, VALUES_TYPE_WORDS_AT)) return false
  const bytes = payloadBytes(directory)
  for (let at: u32 = 0; at < bytes; at += 4) {
    const word = load<u32>(directory + at)
    if (word && !isSegmentSane(word, at >> 2 << segmentShift(), used)) return false
  }
  return used <= (bytes >> 2) * segmentEntries()
}

/** Whether it can be the segment of a directory whose first position is `first`: one that is reserved is empty. */
function isSegmentSane(word: u32, first: u32, used: u32): bool {
  if (!isWords(word, segmentBytes(segmentEntries()))) return false
  return isEmptyFrom(word, first, used) && (first < used || numberAt(word, 0) == 0)
}

/** Whether nothing is in a segment, whose first position is `first`, from position `used` on. */
function isEmptyFrom(segment: usize, first: u32, used: u32): bool {
  const capacity = segmentCapacity(segment)
  const from = used > first ? min(used - first, capacity) : 0
  return isZero(entryIn(segment, 0) + from * DICTIONARY_ENTRY_BYTES, (capacity - from) * DICTIONARY_ENTRY_BYTES)
}

/** Every entry is good and is found by its key; holes are empty; the counts of segments and of the whole are right. */
function areEntriesWhole(d: usize): bool {
  const used = numberAt(d, DICTIONARY_USED_AT)
  const from = numberAt(d, DICTIONARY_FROM_AT)
  let count: u32 = 0
  let live: u32 = 0
  for (let p: u32 = 0; p < used; p++) {
    const segment = segmentOf(d, p)
    if (!(p & (segmentEntries() - 1))) live = 0
    if (segment) {
      const entry = entryIn(segment, p)
      const isHole = load<u32>(entry) == 0
      if (isHole ? load<u64>(entry, ENTRY_VALUE_AT) != 0 : !isEntryGood(d, p, entry)) return false
      const mustBeHole = p < numberAt(d, DICTIONARY_FIRST_AT) || (p >= numberAt(d, DICTIONARY_TO_AT) && p < from)
      if (mustBeHole && !isHole) return false
      count += <u32>!isHole
      live += <u32>!isHole
      const isLast = p == used - 1 || (p & (segmentEntries() - 1)) == segmentEntries() - 1
      if (isLast && numberAt(segment, 0) != live) return false
    }
  }
  return count == numberAt(d, DICTIONARY_COUNT_AT)
}

function isEntryGood(d: usize, position: u32, entry: usize): bool {
  const key = load<u32>(entry)
  const hash = load<u32>(entry, ENTRY_HASH_AT)
  if (!load<u32>(entry, ENTRY_VALUE_AT) || keyFor(numberAt(d, DICTIONARY_KEYS_AT), key) != key) return false
  // An image may come from a heap with another seed.
  if (headWord(d) & OBJECT_IMMORTAL) return true
  return hashOfKey(key) == hash && find<KeySought>(d, hash, key, 0) == position
}

/** The slots of both indexes refer to live entries, as many as there are; what was taken over is empty. */
function isIndexWhole(d: usize): bool {
  const index = load<u32>(d, DICTIONARY_INDEX_AT)
  const old = load<u32>(d, DICTIONARY_OLD_INDEX_AT)
  if (!index) return !old
  if (!isIndex(index) || (old && !isIndex(old))) return false
  const marks = numberAt(d, DICTIONARY_MARKS_AT)
  const slots = slotCount(index)
  if (slots - emptySlots(index) != marks || marks > slots - (slots >> 2)) return false
  for (let i: u32 = 0; old && i < numberAt(d, DICTIONARY_MOVED_AT); i++) {
    if (slotWordAt(old, slotCount(old), i) > SLOT_DELETED) return false
  }
  const found = liveSlots(d, index)
  const foundOld = old ? liveSlots(d, old) : 0
  return found >= 0 && foundOld >= 0 && found + foundOld == <i64>numberAt(d, DICTIONARY_COUNT_AT)
}

function isIndex(word: u32): bool {
  if (isOf(word, VALUES_TYPE_BYTES_AT)) {
    return popcnt(payloadBytes(word)) == 1 && payloadBytes(word) >> 2 <= INDEX_FLAT_SLOTS
  }
  if (!isOf(word, VALUES_TYPE_WORDS_AT) || popcnt(slotCount(word)) != 1) return false
  const parts = slotCount(word) >> INDEX_PART_SHIFT
  for (let i: u32 = 0; i < parts; i++) {
    const part = load<u32>(word + (i << 2))
    if (part && !(isOf(part, VALUES_TYPE_BYTES_AT) && payloadBytes(part) == 4 << INDEX_PART_SHIFT)) return false
  }
  return load<u32>(word + (parts << 2)) == 0 && slotCount(word) > INDEX_FLAT_SLOTS
}

function emptySlots(index: usize): u32 {
  const slots = slotCount(index)
  let empty: u32 = 0
  for (let i: u32 = 0; i < slots; i++) empty += <u32>!slotWordAt(index, slots, i)
  return empty
}

/** Slots that refer to entries, -1 when one refers to none. */
function liveSlots(d: usize, index: usize): i64 {
  const used = numberAt(d, DICTIONARY_USED_AT)
  let live: i64 = 0
  const slots = slotCount(index)
  for (let i: u32 = 0; i < slots; i++) {
    const slot = slotWordAt(index, slots, i)
    if (slot <= SLOT_DELETED) continue
    const position = (slot & SLOT_POSITION_MASK) - SLOT_BIAS
    if (position >= used || !isLive(d, position) || !(load<u32>(entryAt(d, position), ENTRY_HASH_AT) & 1)) return -1
    live++
  }
  return live
}
