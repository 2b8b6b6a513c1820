/** Whether shapes and property objects are whole: what "property objects" in `value-layout.ts` says of them. */
import { OBJECT_IMMORTAL } from '../object-layout'
import {
  DICTIONARY_KEYS_AT,
  KEYS_ANY,
  KEYS_INDEX_AT,
  KEYS_INDEXED,
  KEYS_USED_AT,
  PROPERTIES_INLINE_AT,
  PROPERTIES_MORE_AT,
  SHAPE_CHILDREN_AT,
  SHAPE_COUNT_AT,
  SHAPE_FIRST_NUMBER,
  SHAPE_INLINE_AT,
  SHAPE_INLINE_MAX,
  SHAPE_KEYS_AT,
  SHAPE_KEY_AT,
  SHAPE_MARKS_AT,
  SHAPE_NUMBER_AT,
  SHAPE_PARENT_AT,
  SHAPE_PAYLOAD_BYTES,
  SHAPE_PROPERTIES_MAX,
  SHAPE_WATCH_AT,
  VALUES_ROOT_SHAPE_AT,
  VALUES_ROOT_WATCH_AT,
  VALUES_SHAPE_NEXT_AT,
  VALUES_TYPE_BYTES_AT,
  VALUES_TYPE_WORDS_AT,
} from '../value-layout'
import { isDictionary } from './dictionary'
import { numberAt } from './dictionary-entries'
import { hashOfKey } from './keys'
import { inlineSlots, slotAt, tableOf } from './properties'
import {
  childAt,
  childEntry,
  childrenCapacity,
  findChild,
  isShape,
  keyOfSlot,
  keysCapacity,
  shapeCount,
  slotByIndex,
} from './shapes'
import { integerOf, isInteger } from './words'
import { headWord, isOf, payloadBytes, stateWord } from './world'

// ---- objects --------------------------------------------------------------------------------------------------------

/** Every property of the shape has a value, and no other slot has one; with a dictionary no slot has. */
export function isPropertiesWhole(o: usize): bool {
  const more = load<u32>(o, PROPERTIES_MORE_AT)
  if (payloadBytes(o) < PROPERTIES_INLINE_AT || (more && !isOf(more, VALUES_TYPE_WORDS_AT))) return false
  const table = <u32>tableOf(o)
  let count: u32 = 0
  if (isShape(table)) {
    count = shapeCount(table)
    if (numberAt(table, SHAPE_INLINE_AT) != inlineSlots(o)) return false
  } else if (!isDictionary(table) || numberAt(table, DICTIONARY_KEYS_AT) != KEYS_ANY || more) return false
  const slots = inlineSlots(o) + (more ? payloadBytes(more) >> 2 : 0)
  if (count > slots) return false
  for (let slot: u32 = 0; slot < slots; slot++) {
    if ((load<u32>(slotAt(o, slot)) != 0) != slot < count) return false
  }
  return true
}

// ---- shapes ---------------------------------------------------------------------------------------------------------

export function isShapeWhole(shape: usize): bool {
  if (payloadBytes(shape) != SHAPE_PAYLOAD_BYTES || !areNumbersSane(shape)) return false
  // An image may come from a heap with other hashes.
  if (headWord(shape) & OBJECT_IMMORTAL) return true
  const parent = load<u32>(shape, SHAPE_PARENT_AT)
  if (!parent) return isRootWhole(shape) && areChildrenWhole(shape)
  if (!isShape(parent) || !isLedTo(shape, parent)) return false
  const isBase = !load<u32>(parent, SHAPE_PARENT_AT)
  return (isBase ? isBaseWhole(shape) : areKeysWhole(shape, parent)) && areChildrenWhole(shape)
}

function areNumbersSane(shape: usize): bool {
  for (let at = SHAPE_NUMBER_AT; at <= SHAPE_INLINE_AT; at += 4) if (!isInteger(load<u32>(shape + at))) return false
  const number = numberAt(shape, SHAPE_NUMBER_AT)
  const isImage = (headWord(shape) & OBJECT_IMMORTAL) != 0
  if (!isImage && number - SHAPE_FIRST_NUMBER >= stateWord(VALUES_SHAPE_NEXT_AT)) return false
  return shapeCount(shape) <= SHAPE_PROPERTIES_MAX && numberAt(shape, SHAPE_INLINE_AT) <= SHAPE_INLINE_MAX
}

function isRootWhole(shape: usize): bool {
  // @ts-ignore: set by --use
  if (HW_COUNTED && stateWord(VALUES_ROOT_WATCH_AT) != shape) return false
  // @ts-ignore: set by --use
  if (!HW_COUNTED && stateWord(VALUES_ROOT_SHAPE_AT) != shape) return false
  return load<u64>(shape, SHAPE_KEY_AT) == 0 && shapeCount(shape) == 0
}

function isBaseWhole(shape: usize): bool {
  const key = load<u32>(shape, SHAPE_KEY_AT)
  return isInteger(key) && <u32>integerOf(key) == numberAt(shape, SHAPE_INLINE_AT) && shapeCount(shape) == 0
}

/** Counted: the parent leads to it, and its word is what watches it. A traced one that is garbage has no such word. */
function isLedTo(shape: usize, parent: usize): bool {
  // @ts-ignore: set by --use
  if (!HW_COUNTED) return true
  const at = load<u32>(shape, SHAPE_WATCH_AT)
  const key = load<u32>(shape, SHAPE_KEY_AT)
  return at != 0 && load<u32>(at) == shape && findChild(parent, key, hashOfKey(key)) == shape
}

/** The keys are those of the parent, and one more. */
function areKeysWhole(shape: usize, parent: usize): bool {
  const count = shapeCount(shape)
  if (count != shapeCount(parent) + 1 || load<u32>(shape, SHAPE_INLINE_AT) != load<u32>(parent, SHAPE_INLINE_AT)) {
    return false
  }
  const keys = load<u32>(shape, SHAPE_KEYS_AT)
  if (!isOf(keys, VALUES_TYPE_WORDS_AT) || !isStoreWhole(keys) || numberAt(keys, KEYS_USED_AT) < count) return false
  for (let slot: u32 = 0; slot < count - 1; slot++) {
    if (keyOfSlot(shape, slot) != keyOfSlot(parent, slot)) return false
  }
  return keyOfSlot(shape, count - 1) == load<u32>(shape, SHAPE_KEY_AT)
}

function isStoreWhole(keys: usize): bool {
  const capacity = keysCapacity(keys)
  const used = numberAt(keys, KEYS_USED_AT)
  const index = load<u32>(keys, KEYS_INDEX_AT)
  if (used > capacity || (index != 0) != capacity >= KEYS_INDEXED) return false
  if (!index) return true
  if (!isOf(index, VALUES_TYPE_BYTES_AT) || payloadBytes(index) != capacity << 1) return false
  let entries: u32 = 0
  for (let i: u32 = 0; i < payloadBytes(index); i++) entries += <u32>(load<u8>(index + i) != 0)
  for (let slot: u32 = 0; slot < used; slot++) {
    const key = load<u32>(keys + 8 + (slot << 2))
    if (slotByIndex(keys, key, used) != slot) return false
  }
  return entries == used
}

function areChildrenWhole(shape: usize): bool {
  const table = load<u32>(shape, SHAPE_CHILDREN_AT)
  const capacity = childrenCapacity(table)
  let marks: u32 = 0
  for (let i: u32 = 0; i < capacity; i++) {
    const entry = childEntry(table, i)
    marks += <u32>(load<u32>(entry) != 0)
    const child = childAt(entry)
    if (!child) continue
    if (!isShape(child) || load<u32>(child, SHAPE_PARENT_AT) != shape) return false
    if (hashOfKey(load<u32>(child, SHAPE_KEY_AT)) != load<u32>(entry)) return false
  }
  return marks == numberAt(shape, SHAPE_MARKS_AT) && (!table || marks < capacity)
}
