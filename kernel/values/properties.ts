/**
 * Property objects: keys and values like those of JavaScript's objects. Usually a shape says which property is in which
 * slot; an object with integer keys, with very many properties, or from which others than the last were deleted has a
 * dictionary of its own instead. The layout is under "property objects" in `value-layout.ts`.
 *
 * Keys are strings, which are interned; integers from 0 on; other words and objects by their identity. As in JavaScript
 * text that is an integer, as that is written, is the key that the integer is: "7" is 7, "07" is text.
 *
 * Guarantee: a call that fails has changed nothing that can be seen.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import {
  CACHE_ADDS,
  CACHE_MORE,
  DICTIONARY_COUNT_AT,
  ENTRY_VALUE_AT,
  INTEGER_MAX,
  KEYS_ANY,
  PROPERTIES_INLINE_AT,
  PROPERTIES_MORE_AT,
  PROPERTIES_SHAPE_AT,
  SHAPE_INLINE_MAX,
  SHAPE_NUMBER_AT,
  SHAPE_PARENT_AT,
  SHAPE_PROPERTIES_MAX,
  STATUS_COUNT,
  STATUS_KEY,
  STATUS_NONE,
  STATUS_RANGE,
  STATUS_TYPE,
  VALUES_INTERNED_AT,
  VALUES_INTERNED_OLD_AT,
  VALUES_STATUS_AT,
  VALUES_TYPE_FLOAT_AT,
  VALUES_TYPE_PROPERTIES_AT,
  VALUES_TYPE_WORDS_AT,
} from '../value-layout'
import { cachedPlace, holderOf, mayBeCache, noteHit, noteMiss, wordAt } from './caches'
import { dictionaryNew, isDictionary, positionOf, remove, set } from './dictionary'
import { entryAt, nextLive, numberAt, setPart } from './dictionary-entries'
import { abandon } from './dictionary-room'
import { findIn, intern, isInterned, stringAt } from './interned'
import { hashOfString, keyFor } from './keys'
import { baseShape, childShape, findChild, keyOfSlot, shapeCount, slotOfKey } from './shapes'
import { hashOf, isString, textBytes, textOf } from './strings'
import { integerOf, isInteger, isReference, wordOfInteger } from './words'
import {
  allocate,
  failed,
  isOf,
  isOwnOf,
  keep,
  kept,
  letGo,
  moveWords,
  NOWHERE,
  payloadBytes,
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

/** Operands: the object, the key, the value, its shape or the dictionary that it gets, the shape that it gets. */
const OBJECT: u32 = 3
const KEY: u32 = 4
const VALUE: u32 = 5
const SHAPE: u32 = 6
const CHILD: u32 = 7
const MORE_FIRST_SLOTS: u32 = 4
/** Digits of INTEGER_MAX. */
const INTEGER_MAX_DIGITS: u32 = 10
const DIGIT_0: u32 = 0x30

// ---- parts ----------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function isProperties(word: u32): bool {
  return isOf(word, VALUES_TYPE_PROPERTIES_AT)
}

/** Whether it is one that is no image: it may be written, and caches know its shape. */
// @ts-ignore: decorator
@inline
function isOwn(word: u32): bool {
  return isOwnOf(word, VALUES_TYPE_PROPERTIES_AT)
}

function whyNotOwn(word: u32): u32 {
  return isProperties(word) ? STATUS_BAD_ARGUMENT : STATUS_TYPE
}

/** Shape or dictionary. */
// @ts-ignore: decorator
@inline
export function tableOf(o: usize): usize {
  return load<usize>(o, PROPERTIES_SHAPE_AT)
}

// @ts-ignore: decorator
@inline
export function inlineSlots(o: usize): u32 {
  return (payloadBytes(o) - PROPERTIES_INLINE_AT) >> 2
}

/** Where a slot is, as caches have it. */
// @ts-ignore: decorator
@inline
export function placeOf(o: usize, slot: u32): u32 {
  const inner = inlineSlots(o)
  return slot < inner ? PROPERTIES_INLINE_AT + (slot << 2) : ((slot - inner) << 2) | CACHE_MORE
}

/** Address of a slot; 0 when there is no room for it. */
// @ts-ignore: decorator
@inline
export function slotAt(o: usize, slot: u32): usize {
  const place = placeOf(o, slot)
  return wordAt(holderOf(o, place), place)
}

// ---- keys -----------------------------------------------------------------------------------------------------------

/** A word as a key: a float that is an integer becomes that. 0 with STATUS_KEY for what is none. */
function plainKey(word: u32): u32 {
  const key = keyFor(KEYS_ANY, word)
  if (!key || (isInteger(key) && integerOf(key) < 0)) return refuse(STATUS_KEY)
  // Another float: what it is called is the program's to say.
  return isReference(key) && isOf(key, VALUES_TYPE_FLOAT_AT) ? refuse(STATUS_KEY) : key
}

/** The integer that a text is, as a word: without signs and further zeros, up to INTEGER_MAX. 0 for other text. */
function integerInText(text: u32): u32 {
  const digits = textBytes(text)
  const at = textOf(text)
  // A usual name is done with here, and so is the empty one.
  if (digits - 1 >= INTEGER_MAX_DIGITS || <u32>load<u8>(at) - DIGIT_0 > 9) return 0
  if (digits > 1 && load<u8>(at) == DIGIT_0) return 0
  let value: u64 = 0
  for (let i: u32 = 0; i < digits; i++) {
    const digit = <u32>load<u8>(at + i) - DIGIT_0
    if (digit > 9) return 0
    value = value * 10 + digit
  }
  return value <= <u64>INTEGER_MAX ? wordOfInteger(<i32>value) : 0
}

/** The key as objects have it, lent; 0 with STATUS_NONE for a text that no object can have. */
function knownKey(word: u32): u32 {
  if (!isString(word)) return plainKey(word)
  const integer = integerInText(word)
  if (integer) return integer
  if (isInterned(word)) return word
  const hash = hashOf(word)
  let entry = findIn(stateWord(VALUES_INTERNED_AT), hash, textOf(word), textBytes(word))
  if (!entry) entry = findIn(stateWord(VALUES_INTERNED_OLD_AT), hash, textOf(word), textBytes(word))
  return entry ? <u32>stringAt(entry) : refuse(STATUS_NONE)
}

/** The key as objects have it, owned. May collect and move. */
function ownKey(word: u32): u32 {
  const isText = isString(word)
  const integer = isText ? integerInText(word) : 0
  if (isText && !integer) return intern(word)
  const key = isText ? integer : plainKey(word)
  if (!key) return 0
  return retain(key) ? key : refuse(STATUS_COUNT)
}

// ---- making ---------------------------------------------------------------------------------------------------------

/** An object without properties, owned, with so many slots inline, at most SHAPE_INLINE_MAX. */
export function propertiesNew(slots: u32): u32 {
  if (slots > SHAPE_INLINE_MAX) return refuse(STATUS_BAD_ARGUMENT)
  let table = baseShape(slots)
  if (!table && stateWord(VALUES_STATUS_AT) == STATUS_RANGE) table = dictionaryNew(KEYS_ANY, 0)
  let made: usize = 0
  if (table) {
    keep(SHAPE, table)
    made = allocate(stateWord(VALUES_TYPE_PROPERTIES_AT), PROPERTIES_INLINE_AT + (slots << 2))
    if (made) putOwned(made, made + PROPERTIES_SHAPE_AT, kept(SHAPE))
    else release(kept(SHAPE))
  }
  letGo()
  return <u32>made
}

// ---- reading --------------------------------------------------------------------------------------------------------

/**
 * Value of a property, lent; 0 with STATUS_NONE when there is none. `cache` is the address of CACHE_BYTES that are for
 * this key alone, zeroed at first, or 0; a hit does not look at the key.
 */
export function propertyGet(o: u32, key: u32, cache: usize): u32 {
  if (cache && mayBeCache(cache) && isOwn(o)) {
    const place = cachedPlace(cache, load<u32>(tableOf(o), SHAPE_NUMBER_AT))
    if (place && !(place & CACHE_ADDS)) {
      const at = wordAt(holderOf(o, place), place)
      if (at && load<u32>(at)) {
        noteHit(cache)
        return load<u32>(at)
      }
    }
  }
  return getMissed(o, key, cache)
}

function getMissed(o: u32, word: u32, cache: usize): u32 {
  if (!isProperties(o)) return refuse(STATUS_TYPE)
  if (!mayBeCache(cache)) return refuse(STATUS_BAD_ARGUMENT)
  const key = knownKey(word)
  if (!key) return 0
  const at = valueSlot(o, key)
  const place = isDictionary(tableOf(o)) || !at || !isOwn(o) ? 0 : placeOf(o, slotOfKey(tableOf(o), key))
  noteMiss(cache, load<u32>(tableOf(o), SHAPE_NUMBER_AT), place)
  return at ? load<u32>(at) : refuse(STATUS_NONE)
}

/** Address of the value of a key as objects have it; 0 when there is none. */
function valueSlot(o: usize, key: u32): usize {
  const table = tableOf(o)
  if (isDictionary(table)) {
    const position = positionOf(table, key)
    return position == NOWHERE ? 0 : entryAt(table, position) + ENTRY_VALUE_AT
  }
  const slot = slotOfKey(table, key)
  return slot == NOWHERE ? 0 : slotAt(o, slot)
}

export function propertyHas(o: u32, key: u32): bool {
  if (!isProperties(o)) return refuse(STATUS_TYPE) != 0
  const known = knownKey(key)
  return known != 0 && valueSlot(o, known) != 0
}

/** Properties. */
export function propertyCount(o: u32): u32 {
  if (!isProperties(o)) return refuse(STATUS_TYPE)
  const table = tableOf(o)
  return isDictionary(table) ? numberAt(table, DICTIONARY_COUNT_AT) : shapeCount(table)
}

/** Whether it has a dictionary of its own. */
export function propertiesIsDictionary(o: u32): bool {
  return isProperties(o) ? isDictionary(tableOf(o)) : refuse(STATUS_TYPE) != 0
}

/** Its shape, lent; 0 with STATUS_NONE when it has a dictionary instead. */
export function propertiesShape(o: u32): u32 {
  if (!isProperties(o)) return refuse(STATUS_TYPE)
  return isDictionary(tableOf(o)) ? refuse(STATUS_NONE) : <u32>tableOf(o)
}

// ---- going through them in order of insertion -----------------------------------------------------------------------

/** First position from `position` on that has a property, 0xffffffff at the end. */
export function propertyNext(o: u32, position: u32): u32 {
  if (!isProperties(o)) {
    refuse(STATUS_TYPE)
    return NOWHERE
  }
  const table = tableOf(o)
  if (isDictionary(table)) return nextLive(table, position)
  return position < shapeCount(table) ? position : NOWHERE
}

/** Key at a position that has a property, lent; else 0 with STATUS_RANGE. */
export function propertyKeyAt(o: u32, position: u32): u32 {
  if (!isProperties(o)) return refuse(STATUS_TYPE)
  if (propertyNext(o, position) != position) return refuse(STATUS_RANGE)
  const table = tableOf(o)
  return isDictionary(table) ? load<u32>(entryAt(table, position)) : keyOfSlot(table, position)
}

/** Value at a position that has a property, lent; else 0 with STATUS_RANGE. */
export function propertyValueAt(o: u32, position: u32): u32 {
  if (!isProperties(o)) return refuse(STATUS_TYPE)
  if (propertyNext(o, position) != position) return refuse(STATUS_RANGE)
  const table = tableOf(o)
  return isDictionary(table) ? load<u32>(entryAt(table, position), ENTRY_VALUE_AT) : load<u32>(slotAt(o, position))
}

// ---- writing --------------------------------------------------------------------------------------------------------

/**
 * Set the value of a property, which is added when there is none. STATUS_BAD_ARGUMENT for the value 0, STATUS_FOREIGN
 * for an object of another heap.
 */
export function propertySet(o: u32, key: u32, value: u32, cache: usize): u32 {
  if (!isOwn(o)) return failed(whyNotOwn(o))
  if (!mayBeCache(cache)) return failed(STATUS_BAD_ARGUMENT)
  let status = wordStatus(value)
  if (!status) status = ownerStatus(key)
  if (status) return failed(status)
  if (cache) {
    const place = cachedPlace(cache, load<u32>(tableOf(o), SHAPE_NUMBER_AT))
    const holder = place ? holderOf(o, place) : 0
    const at = wordAt(holder, place)
    if (at && place & CACHE_ADDS) {
      if (addByShape(o, key, value)) {
        noteHit(cache)
        return STATUS_OK
      }
    } else if (at && load<u32>(at)) {
      noteHit(cache)
      status = put(holder, at, value)
      return status ? failed(status) : STATUS_OK
    }
  }
  return setMissed(o, key, value, cache)
}

/** Add a property that another object of that shape got before, where there is room for it. Whether it could. */
function addByShape(o: usize, key: u32, value: u32): bool {
  if (!isInterned(key)) return false
  const table = tableOf(o)
  // The child says that its parent does not have the key.
  const child = findChild(table, key, hashOfString(key))
  const count = shapeCount(table)
  const at = slotAt(o, count)
  if (!child || !at || !retain(child)) return false
  if (put(holderOf(o, placeOf(o, count)), at, value)) {
    release(child)
    return false
  }
  setPart(o, o + PROPERTIES_SHAPE_AT, child)
  return true
}

function setMissed(o: u32, key: u32, value: u32, cache: usize): u32 {
  keep(OBJECT, o)
  keep(VALUE, value)
  const owned = ownKey(key)
  let status = stateWord(VALUES_STATUS_AT)
  if (owned) {
    keep(KEY, owned)
    status = setKept(cache)
    release(kept(KEY))
  }
  letGo()
  return status
}

/** The same with everything in operands. */
function setKept(cache: usize): u32 {
  const o = kept(OBJECT)
  const table = tableOf(o)
  const number = load<u32>(table, SHAPE_NUMBER_AT)
  if (isDictionary(table)) {
    noteMiss(cache, number, 0)
    return set(table, kept(KEY), kept(VALUE))
  }
  const slot = slotOfKey(table, kept(KEY))
  if (slot == NOWHERE) return addKept(cache, number)
  noteMiss(cache, number, placeOf(o, slot))
  return storeSlot(o, slot, kept(VALUE))
}

function storeSlot(o: usize, slot: u32, value: u32): u32 {
  const holder = holderOf(o, placeOf(o, slot))
  const status = put(holder, slotAt(o, slot), value)
  return status ? failed(status) : STATUS_OK
}

/** Add a property. */
function addKept(cache: usize, number: u32): u32 {
  const count = shapeCount(tableOf(kept(OBJECT)))
  if (isInteger(kept(KEY)) || count >= SHAPE_PROPERTIES_MAX) return addToDictionary(cache, number)
  keep(SHAPE, tableOf(kept(OBJECT)))
  const child = childShape()
  if (!child) {
    const why = stateWord(VALUES_STATUS_AT)
    return why == STATUS_RANGE ? addToDictionary(cache, number) : why
  }
  keep(CHILD, child)
  const status = makeSlot(count) ? storeSlot(kept(OBJECT), count, kept(VALUE)) : STATUS_OUT_OF_MEMORY
  const o = kept(OBJECT)
  if (status) {
    release(kept(CHILD))
    return failed(status)
  }
  setPart(o, o + PROPERTIES_SHAPE_AT, kept(CHILD))
  noteMiss(cache, number, placeOf(o, count) | CACHE_ADDS)
  return STATUS_OK
}

function addToDictionary(cache: usize, number: u32): u32 {
  const status = makeDictionary()
  if (status) return status
  noteMiss(cache, number, 0)
  return set(tableOf(kept(OBJECT)), kept(KEY), kept(VALUE))
}

/** Room for a slot: false when out of memory. */
function makeSlot(slot: u32): bool {
  const inner = inlineSlots(kept(OBJECT))
  if (slot < inner || slotAt(kept(OBJECT), slot)) return true
  let capacity = MORE_FIRST_SLOTS
  while (capacity <= slot - inner) capacity <<= 1
  const made = allocate(stateWord(VALUES_TYPE_WORDS_AT), capacity << 2)
  if (!made) return false
  const o = kept(OBJECT)
  const old = load<usize>(o, PROPERTIES_MORE_AT)
  if (old) {
    moveWords(made, made, old, payloadBytes(old) >> 2)
    abandon(old)
  }
  setPart(o, o + PROPERTIES_MORE_AT, made)
  return true
}

/** Give the object in its operand a dictionary in place of its shape. A status. */
function makeDictionary(): u32 {
  const count = shapeCount(tableOf(kept(OBJECT)))
  const made = dictionaryNew(KEYS_ANY, count + 1)
  if (!made) return stateWord(VALUES_STATUS_AT)
  keep(SHAPE, made)
  for (let slot: u32 = 0; slot < count; slot++) {
    const o = kept(OBJECT)
    const status = set(kept(SHAPE), keyOfSlot(tableOf(o), slot), load<u32>(slotAt(o, slot)))
    if (status) {
      release(kept(SHAPE))
      return status
    }
  }
  const o = kept(OBJECT)
  setPart(o, o + PROPERTIES_SHAPE_AT, kept(SHAPE))
  const inner = inlineSlots(o)
  for (let slot: u32 = 0; slot < inner; slot++) put(o, slotAt(o, slot), 0)
  put(o, o + PROPERTIES_MORE_AT, 0)
  return STATUS_OK
}

/** Delete a property. STATUS_NONE when there is none. */
export function propertyDelete(o: u32, key: u32): u32 {
  if (!isOwn(o)) return failed(whyNotOwn(o))
  const known = knownKey(key)
  if (!known) return stateWord(VALUES_STATUS_AT)
  if (!valueSlot(o, known)) return failed(STATUS_NONE)
  const table = tableOf(o)
  if (isDictionary(table)) return removeFrom(table, known)
  if (slotOfKey(table, known) == shapeCount(table) - 1) return removeLast(o)
  keep(OBJECT, o)
  keep(KEY, known)
  const status = makeDictionary()
  const isDone = !status && !removeFrom(tableOf(kept(OBJECT)), kept(KEY))
  letGo()
  return isDone ? STATUS_OK : stateWord(VALUES_STATUS_AT)
}

function removeFrom(dictionary: usize, key: u32): u32 {
  release(remove(dictionary, positionOf(dictionary, key)))
  return STATUS_OK
}

/** The shape before the last property is the shape without it. */
function removeLast(o: usize): u32 {
  const table = tableOf(o)
  const parent = load<u32>(table, SHAPE_PARENT_AT)
  if (!retain(parent)) return failed(STATUS_COUNT)
  const slot = shapeCount(table) - 1
  const value = take(holderOf(o, placeOf(o, slot)), slotAt(o, slot))
  setPart(o, o + PROPERTIES_SHAPE_AT, parent)
  release(value)
  return STATUS_OK
}
