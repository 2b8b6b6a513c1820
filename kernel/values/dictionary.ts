/**
 * Dictionaries: from keys to values, in order of insertion. Entries lie in segments one behind the other, an index
 * leads from a hash to the entry's position (the "compact dictionary" that R. Hettinger proposed for Python in 2012).
 * The layout and its invariants are under "dictionaries" in `value-layout.ts`.
 *
 * Guarantee: every insertion and deletion does a bounded amount of work, see `dictionary-room.ts`; a call that fails
 * has changed nothing. While a dictionary is locked entries keep their positions, so that whoever goes through it by
 * position meets each entry once, those that are added meanwhile too. Deleting needs no memory.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { OBJECT_IMMORTAL } from '../object-layout'
import {
  DICTIONARY_COUNT_AT,
  DICTIONARY_DIRECTORY_AT,
  DICTIONARY_FIRST_AT,
  DICTIONARY_FROM_AT,
  DICTIONARY_INDEX_AT,
  DICTIONARY_KEYS_AT,
  DICTIONARY_LINEAR,
  DICTIONARY_LOCKS_AT,
  DICTIONARY_LOCKS_MAX,
  DICTIONARY_MARKS_AT,
  DICTIONARY_MOVED_AT,
  DICTIONARY_OLD_INDEX_AT,
  DICTIONARY_PAYLOAD_BYTES,
  DICTIONARY_POSITIONS_MAX,
  DICTIONARY_SEGMENT_AT,
  DICTIONARY_SLOT_STEPS,
  DICTIONARY_TO_AT,
  DICTIONARY_USED_AT,
  ENTRY_HASH_AT,
  ENTRY_VALUE_AT,
  KEYS_INTEGER,
  STATUS_COUNT,
  STATUS_KEY,
  STATUS_NONE,
  STATUS_RANGE,
  STATUS_TYPE,
  VALUES_STATUS_AT,
  VALUES_TYPE_DICTIONARY_AT,
} from '../value-layout'
import {
  addLive,
  dropIfEmpty,
  entryAt,
  entryIn,
  isLive,
  nextLive,
  numberAt,
  segmentCapacity,
  segmentOf,
  setNumberAt,
  skipHoles,
} from './dictionary-entries'
import { KeySought, TextSought, enterSlot, find, removeSlot } from './dictionary-index'
import { lacksRoom, makeRoom, reserveRoom, tend } from './dictionary-room'
import { hashOfKey, hashOfWord, keyFor, makeHash } from './keys'
import { hashText, isInMemory } from './strings'
import {
  allocate,
  failed,
  headWord,
  isOf,
  keep,
  kept,
  letGo,
  NOWHERE,
  nowhere,
  put,
  putOwned,
  refuse,
  release,
  retain,
  stateWord,
  take,
  wordStatus,
} from './world'
import { ownerStatus } from '../object/owners'

// ---- questions ------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function isDictionary(word: u32): bool {
  return isOf(word, VALUES_TYPE_DICTIONARY_AT)
}

/** OK for a dictionary that may be written: one of an image may not. */
// @ts-ignore: decorator
@inline
function writable(d: u32): u32 {
  if (!isDictionary(d)) return STATUS_TYPE
  return headWord(d) & OBJECT_IMMORTAL ? STATUS_BAD_ARGUMENT : STATUS_OK
}

/** Position of a key as `keyFor` gave it. */
// @ts-ignore: decorator
@inline
export function positionOf(d: usize, key: u32): u32 {
  const hash = hashOfKey(key)
  return hash ? find<KeySought>(d, hash, key, 0) : NOWHERE
}

/** Position of any word; NOWHERE, and why, when it is not there. */
// @ts-ignore: decorator
@inline
function sought(d: u32, key: u32): u32 {
  if (!isDictionary(d)) return nowhere(STATUS_TYPE)
  const kind = numberAt(d, DICTIONARY_KEYS_AT)
  if (kind == KEYS_INTEGER) {
    if (!(key & 1)) return nowhere(STATUS_KEY)
    const position = find<KeySought>(d, hashOfWord(key), key, 0)
    return position == NOWHERE ? nowhere(STATUS_NONE) : position
  }
  const good = keyFor(kind, key)
  if (!good) return nowhere(STATUS_KEY)
  const position = positionOf(d, good)
  return position == NOWHERE ? nowhere(STATUS_NONE) : position
}

/** A dictionary without entries, owned, for keys of `KEYS_…`; `capacity` as `dictionaryReserve` has it. */
export function dictionaryNew(keys: u32, capacity: u32): u32 {
  if (keys > KEYS_INTEGER) return refuse(STATUS_BAD_ARGUMENT)
  const d = allocate(stateWord(VALUES_TYPE_DICTIONARY_AT), DICTIONARY_PAYLOAD_BYTES)
  if (!d) return 0
  setNumberAt(d, DICTIONARY_COUNT_AT, 0)
  setNumberAt(d, DICTIONARY_KEYS_AT, keys)
  setNumberAt(d, DICTIONARY_LOCKS_AT, 0)
  forget(d)
  if (!capacity) return d
  keep(0, d)
  const isMade = reserve(capacity)
  const made = kept(0)
  // Whoever calls may have operands of its own.
  keep(0, 0)
  if (isMade) return made
  release(made)
  return 0
}

/** Entries. */
export function dictionaryCount(d: u32): u32 {
  return isDictionary(d) ? numberAt(d, DICTIONARY_COUNT_AT) : refuse(STATUS_TYPE)
}

/** `KEYS_…`. */
export function dictionaryKind(d: u32): u32 {
  return isDictionary(d) ? numberAt(d, DICTIONARY_KEYS_AT) : refuse(STATUS_TYPE)
}

/** Value of a key, lent; 0 with STATUS_NONE when it has none. */
export function dictionaryGet(d: u32, key: u32): u32 {
  const position = sought(d, key)
  return position == NOWHERE ? 0 : load<u32>(entryAt(d, position), ENTRY_VALUE_AT)
}

/** Value of the key that is a string of that text, lent; 0 with STATUS_NONE when there is none. */
export function dictionaryGetText(d: u32, at: usize, bytes: u32): u32 {
  if (!isDictionary(d)) return refuse(STATUS_TYPE)
  if (!isInMemory(at, bytes)) return refuse(STATUS_BAD_ARGUMENT)
  if (numberAt(d, DICTIONARY_KEYS_AT) == KEYS_INTEGER) return refuse(STATUS_KEY)
  const position = find<TextSought>(d, hashText(at, bytes) | 1, <u32>at, bytes)
  return position == NOWHERE ? refuse(STATUS_NONE) : load<u32>(entryAt(d, position), ENTRY_VALUE_AT)
}

/** Whether it has the key; of what is no dictionary, or no key for it, nothing is there. */
export function dictionaryHas(d: u32, key: u32): bool {
  return sought(d, key) != NOWHERE
}

// ---- going through it -----------------------------------------------------------------------------------------------

/** First position from `position` on that has an entry, 0xffffffff at the end. */
export function dictionaryNext(d: u32, position: u32): u32 {
  return isDictionary(d) ? nextLive(d, position) : nowhere(STATUS_TYPE)
}

/** Entry of a position; 0, and why, when there is none. */
function entryOf(d: u32, position: u32): usize {
  if (!isDictionary(d)) return refuse(STATUS_TYPE)
  if (position >= numberAt(d, DICTIONARY_USED_AT)) return refuse(STATUS_RANGE)
  const entry = entryAt(d, position)
  return entry && load<u32>(entry) ? entry : refuse(STATUS_NONE)
}

/** Key at a position, lent. 0 with STATUS_RANGE, or STATUS_NONE where it was deleted. */
export function dictionaryKeyAt(d: u32, position: u32): u32 {
  const entry = entryOf(d, position)
  return entry ? load<u32>(entry) : 0
}

/** Value at a position, lent; answers like `dictionaryKeyAt`. */
export function dictionaryValueAt(d: u32, position: u32): u32 {
  const entry = entryOf(d, position)
  return entry ? load<u32>(entry, ENTRY_VALUE_AT) : 0
}

/** Replace the value at a position. */
export function dictionarySetAt(d: u32, position: u32, value: u32): u32 {
  let status = writable(d)
  if (!status) status = wordStatus(value)
  if (status) return failed(status)
  const entry = entryOf(d, position)
  return entry ? replaceValue(d, position, value) : stateWord(VALUES_STATUS_AT)
}

/** Entries keep their positions from here on, until it is unlocked as many times. One of an image always does. */
export function dictionaryLock(d: u32): u32 {
  const status = writable(d)
  if (status == STATUS_BAD_ARGUMENT) return STATUS_OK
  if (status) return failed(status)
  const locks = numberAt(d, DICTIONARY_LOCKS_AT)
  if (locks == DICTIONARY_LOCKS_MAX) return failed(STATUS_RANGE)
  setNumberAt(d, DICTIONARY_LOCKS_AT, locks + 1)
  return STATUS_OK
}

/** STATUS_BAD_ARGUMENT when it is not locked. */
export function dictionaryUnlock(d: u32): u32 {
  const status = writable(d)
  if (status == STATUS_BAD_ARGUMENT) return STATUS_OK
  if (status) return failed(status)
  const locks = numberAt(d, DICTIONARY_LOCKS_AT)
  if (!locks) return failed(STATUS_BAD_ARGUMENT)
  setNumberAt(d, DICTIONARY_LOCKS_AT, locks - 1)
  // What was deleted meanwhile kept its positions.
  if (locks == 1 && !numberAt(d, DICTIONARY_COUNT_AT)) forgetAll(d)
  return STATUS_OK
}

// ---- changes --------------------------------------------------------------------------------------------------------

/**
 * Set the value of a key, which is added behind all others when it is not there. STATUS_KEY for a key of another kind,
 * STATUS_BAD_ARGUMENT for the value 0, STATUS_FOREIGN for an object of another heap.
 */
export function dictionarySet(d: u32, key: u32, value: u32): u32 {
  let status = writable(d)
  if (!status) status = wordStatus(value)
  if (!status) status = ownerStatus(key)
  if (status) return failed(status)
  const good = keyFor(numberAt(d, DICTIONARY_KEYS_AT), key)
  return good ? set(d, good, value) : failed(STATUS_KEY)
}

/** The same for a key as `keyFor` gave it. Uses operands 0 to 2. */
export function set(d: usize, key: u32, value: u32): u32 {
  const hash = hashOfKey(key)
  const position = hash ? find<KeySought>(d, hash, key, 0) : NOWHERE
  if (position != NOWHERE) return replaceValue(d, position, value)
  if (hash && !lacksRoom(d, hash)) return append(d, key, value, hash)
  keep(0, d)
  keep(1, key)
  keep(2, value)
  const hashNow = hash ? hash : makeHash(1)
  const status =
    hashNow && (!lacksRoom(kept(0), hashNow) || makeRoom(hashNow))
      ? append(kept(0), kept(1), kept(2), hashNow)
      : stateWord(VALUES_STATUS_AT)
  for (let i: u32 = 0; i < 3; i++) keep(i, 0)
  return status
}

function replaceValue(d: usize, position: u32, value: u32): u32 {
  const segment = segmentOf(d, position)
  const status = put(segment, entryIn(segment, position) + ENTRY_VALUE_AT, value)
  return status ? failed(status) : STATUS_OK
}

/** Add an entry, which there is room for. */
function append(d: usize, key: u32, value: u32, hash: u32): u32 {
  if (!retain(key)) return failed(STATUS_COUNT)
  if (!retain(value)) {
    release(key)
    return failed(STATUS_COUNT)
  }
  const position = numberAt(d, DICTIONARY_USED_AT)
  const segment = segmentOf(d, position)
  const entry = entryIn(segment, position)
  putOwned(segment, entry, key)
  putOwned(segment, entry + ENTRY_VALUE_AT, value)
  store<u32>(entry, hash, ENTRY_HASH_AT)
  addLive(segment, 1)
  setNumberAt(d, DICTIONARY_USED_AT, position + 1)
  setNumberAt(d, DICTIONARY_COUNT_AT, numberAt(d, DICTIONARY_COUNT_AT) + 1)
  enterSlot(d, position, hash)
  tend(d)
  return STATUS_OK
}

/** Delete a key. STATUS_NONE when it is not there. */
export function dictionaryDelete(d: u32, key: u32): u32 {
  const value = dictionaryTake(d, key)
  if (!value) return stateWord(VALUES_STATUS_AT)
  release(value)
  return STATUS_OK
}

/** Delete a key; its value, owned. 0 with STATUS_NONE when it is not there. */
export function dictionaryTake(d: u32, key: u32): u32 {
  const position = sought(d, key)
  if (position == NOWHERE) return 0
  const status = writable(d)
  return status ? refuse(status) : remove(d, position)
}

/** Delete the entry at a live position; its value, owned. */
export function remove(d: usize, position: u32): u32 {
  const segment = segmentOf(d, position)
  const entry = entryIn(segment, position)
  removeSlot(d, position, load<u32>(entry, ENTRY_HASH_AT))
  const key = take(segment, entry)
  const value = take(segment, entry + ENTRY_VALUE_AT)
  store<u32>(entry, 0, ENTRY_HASH_AT)
  addLive(segment, -1)
  const count = numberAt(d, DICTIONARY_COUNT_AT) - 1
  setNumberAt(d, DICTIONARY_COUNT_AT, count)
  dropIfEmpty(d, position)
  const isLocked = numberAt(d, DICTIONARY_LOCKS_AT) != 0
  if (!count && !isLocked) forgetAll(d)
  else {
    if (!isLocked && !numberAt(d, DICTIONARY_FROM_AT)) trimEnds(d)
    tend(d)
  }
  release(key)
  return value
}

/** Pass holes at both ends, so many at a time: what is left follows at later deletions. */
function trimEnds(d: usize): void {
  let used = numberAt(d, DICTIONARY_USED_AT)
  for (let i: u32 = 0; i < DICTIONARY_SLOT_STEPS && used && !isLive(d, used - 1); i++) used--
  setNumberAt(d, DICTIONARY_USED_AT, used)
  const first = skipHoles(d, 0, DICTIONARY_SLOT_STEPS)
  setNumberAt(d, DICTIONARY_FIRST_AT, first == NOWHERE ? used : first)
}

/** Delete all. */
export function dictionaryClear(d: u32): u32 {
  const status = writable(d)
  if (status) return failed(status)
  setNumberAt(d, DICTIONARY_COUNT_AT, 0)
  forgetAll(d)
  return STATUS_OK
}

/**
 * Give the parts back, of a dictionary without entries. A short segment stays where nothing is in it. They are let go
 * when nothing is looked at any more: the last reference to the dictionary may be a value's.
 */
function forgetAll(d: usize): void {
  const used = numberAt(d, DICTIONARY_USED_AT)
  const isLocked = numberAt(d, DICTIONARY_LOCKS_AT) != 0
  const segment = load<usize>(d, DICTIONARY_SEGMENT_AT)
  const isShort = segment != 0 && !numberAt(segment, 0) && segmentCapacity(segment) <= DICTIONARY_LINEAR
  forget(d)
  // Who goes through it will go on with what is added.
  if (isLocked) {
    setNumberAt(d, DICTIONARY_USED_AT, used)
    setNumberAt(d, DICTIONARY_FIRST_AT, used)
  }
  const index = take(d, d + DICTIONARY_INDEX_AT)
  const oldIndex = take(d, d + DICTIONARY_OLD_INDEX_AT)
  const entries = take(d, d + DICTIONARY_DIRECTORY_AT)
  const only = isShort && !isLocked ? 0 : take(d, d + DICTIONARY_SEGMENT_AT)
  release(index)
  release(oldIndex)
  release(entries)
  release(only)
}

/** The numbers of a dictionary without positions. */
function forget(d: usize): void {
  setNumberAt(d, DICTIONARY_USED_AT, 0)
  setNumberAt(d, DICTIONARY_MOVED_AT, 0)
  setNumberAt(d, DICTIONARY_MARKS_AT, 0)
  setNumberAt(d, DICTIONARY_TO_AT, 0)
  setNumberAt(d, DICTIONARY_FROM_AT, 0)
  setNumberAt(d, DICTIONARY_FIRST_AT, 0)
}

/**
 * Make the room of `capacity` entries, so that insertions up to so many need no memory, until something is deleted or a
 * lock ends under which something was. Not included: the identity hash of an object that is no key yet. Where it does
 * not fit, STATUS_OUT_OF_MEMORY, and what was made is given back. This is no insertion: it takes as long as it takes.
 */
export function dictionaryReserve(d: u32, capacity: u32): u32 {
  const status = writable(d)
  if (status) return failed(status)
  keep(0, d)
  const isDone = reserve(capacity)
  letGo()
  return isDone ? STATUS_OK : stateWord(VALUES_STATUS_AT)
}

/** The same for the dictionary in operand 0. */
function reserve(capacity: u32): bool {
  if (capacity > DICTIONARY_POSITIONS_MAX) return refuse(STATUS_OUT_OF_MEMORY) != 0
  const count = numberAt(kept(0), DICTIONARY_COUNT_AT)
  return capacity <= count || reserveRoom(capacity)
}
