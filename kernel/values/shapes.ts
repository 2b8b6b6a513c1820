/**
 * Shapes: which properties an object has, in which order, and in which slots. Objects made alike share one (the "maps"
 * of Self: Chambers, Ungar & Lee, OOPSLA 1989). A shape is its parent's with one property more; parents hold their
 * children weakly, so a shape lives as long as an object, or a child, has it. The layout is under "property objects" in
 * `value-layout.ts`.
 *
 * Operands: 4 the key, 6 the parent of a child that is being made, 7 the child; 0 and 1 are its parts.
 */
import { STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { setHeadWord } from '../object/header'
import {
  INTEGER_MAX,
  KEYS_FIRST_AT,
  KEYS_INDEX_AT,
  KEYS_INDEXED,
  KEYS_LINEAR,
  KEYS_USED_AT,
  OBJECT_WATCHED,
  SHAPE_CHILDREN_AT,
  SHAPE_CHILDREN_MAX,
  SHAPE_COUNT_AT,
  SHAPE_FIRST_NUMBER,
  SHAPE_INLINE_AT,
  SHAPE_KEYS_AT,
  SHAPE_KEY_AT,
  SHAPE_MARKS_AT,
  SHAPE_NUMBER_AT,
  SHAPE_PARENT_AT,
  SHAPE_PAYLOAD_BYTES,
  SHAPE_WATCH_AT,
  STATUS_COUNT,
  STATUS_RANGE,
  STATUS_TYPE,
  VALUES_OPERANDS_AT,
  VALUES_ROOT_SHAPE_AT,
  VALUES_ROOT_WATCH_AT,
  VALUES_SHAPES_AT,
  VALUES_SHAPE_LIMIT_AT,
  VALUES_SHAPE_NEXT_AT,
  VALUES_SHAPE_REFUSALS_AT,
  VALUES_TYPE_BYTES_AT,
  VALUES_TYPE_SHAPE_AT,
  VALUES_TYPE_WORDS_AT,
} from '../value-layout'
import { numberAt, setNumberAt, setPart } from './dictionary-entries'
import { kernelWeakRefGet, kernelWeakRefNew } from './kernel'
import { hashOfKey, makeHash } from './keys'
import { integerOf, wordOfInteger } from './words'
import {
  allocate,
  copyWords,
  headWord,
  isOf,
  keep,
  kept,
  NOWHERE,
  payloadBytes,
  put,
  putOwned,
  refuse,
  release,
  retain,
  setStateWord,
  stateWord,
  valuesAt,
} from './world'

const KEY: u32 = 4
const PARENT: u32 = 6
const CHILD: u32 = 7
/** Parts of the child: its store of keys, what its parent holds it by. */
const KEYS: u32 = 0
const WEAK: u32 = 1
const KEYS_FIRST_CAPACITY: u32 = 4
const CHILD_ENTRY_SHIFT: u32 = 3

// ---- questions ------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function isShape(word: u32): bool {
  return isOf(word, VALUES_TYPE_SHAPE_AT)
}

/** Properties of an object of that shape. */
// @ts-ignore: decorator
@inline
export function shapeCount(shape: usize): u32 {
  return numberAt(shape, SHAPE_COUNT_AT)
}

/** The word that caches know it by, another one for each shape that an object had; 0 for what is none. */
export function shapeNumber(shape: u32): u32 {
  return isShape(shape) ? load<u32>(shape, SHAPE_NUMBER_AT) : refuse(STATUS_TYPE)
}

/** Key of a property by its slot. */
// @ts-ignore: decorator
@inline
export function keyOfSlot(shape: usize, slot: u32): u32 {
  return load<u32>(load<usize>(shape, SHAPE_KEYS_AT) + KEYS_FIRST_AT + (slot << 2))
}

/** Slot of a property, NOWHERE when objects of that shape have none of that key. */
export function slotOfKey(shape: usize, key: u32): u32 {
  const count = shapeCount(shape)
  const keys = load<usize>(shape, SHAPE_KEYS_AT)
  if (count > KEYS_LINEAR && load<usize>(keys, KEYS_INDEX_AT)) return slotByIndex(keys, key, count)
  for (let i: u32 = 0; i < count; i++) if (load<u32>(keys + KEYS_FIRST_AT + (i << 2)) == key) return i
  return NOWHERE
}

// ---- stores of keys -------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function keysCapacity(keys: usize): u32 {
  return (payloadBytes(keys) - KEYS_FIRST_AT) >> 2
}

export function slotByIndex(keys: usize, key: u32, count: u32): u32 {
  const hash = hashOfKey(key)
  if (!hash) return NOWHERE
  const index = load<usize>(keys, KEYS_INDEX_AT)
  const mask = payloadBytes(index) - 1
  let i = (hash >> 1) & mask
  while (true) {
    const slot = <u32>load<u8>(index + i) - 1
    if (slot == NOWHERE) return NOWHERE
    // Those from `count` on are of longer shapes.
    if (load<u32>(keys + KEYS_FIRST_AT + (slot << 2)) == key) return slot < count ? slot : NOWHERE
    i = (i + 1) & mask
  }
}

function enterKey(keys: usize, slot: u32): void {
  const index = load<usize>(keys, KEYS_INDEX_AT)
  if (!index) return
  const mask = payloadBytes(index) - 1
  let i = (hashOfKey(load<u32>(keys + KEYS_FIRST_AT + (slot << 2))) >> 1) & mask
  while (load<u8>(index + i)) i = (i + 1) & mask
  store<u8>(index + i, <u8>(slot + 1))
}

/** Whether a child of the shape may have the same store: nobody else has added to it, or the same key. */
function canShare(keys: usize, count: u32, key: u32): bool {
  if (!keys) return false
  const used = numberAt(keys, KEYS_USED_AT)
  return used == count ? count < keysCapacity(keys) : load<u32>(keys + KEYS_FIRST_AT + (count << 2)) == key
}

/** The store for the child, owned, in its operand: the parent's, or a longer copy. A status. */
function prepareKeys(): u32 {
  const count = shapeCount(kept(PARENT))
  const keys = load<usize>(kept(PARENT), SHAPE_KEYS_AT)
  if (canShare(keys, count, kept(KEY))) {
    keep(KEYS, keys)
    return retain(keys) ? STATUS_OK : STATUS_COUNT
  }
  let capacity = KEYS_FIRST_CAPACITY
  while (capacity <= count) capacity <<= 1
  const made = allocate(stateWord(VALUES_TYPE_WORDS_AT), KEYS_FIRST_AT + (capacity << 2))
  if (!made) return STATUS_OUT_OF_MEMORY
  keep(KEYS, made)
  setNumberAt(made, KEYS_USED_AT, 0)
  if (capacity >= KEYS_INDEXED) {
    const index = allocate(stateWord(VALUES_TYPE_BYTES_AT), capacity << 1)
    if (!index) return dropKeys(STATUS_OUT_OF_MEMORY)
    putOwned(kept(KEYS), kept(KEYS) + KEYS_INDEX_AT, index)
  }
  return count && !copyKeys(count) ? dropKeys(STATUS_COUNT) : STATUS_OK
}

function dropKeys(status: u32): u32 {
  release(kept(KEYS))
  return status
}

/** Copy the first keys of the parent. False when one can be counted no more. */
function copyKeys(count: u32): bool {
  const keys = kept(KEYS)
  const from = load<usize>(kept(PARENT), SHAPE_KEYS_AT)
  if (copyWords(keys, keys + KEYS_FIRST_AT, from + KEYS_FIRST_AT, count)) return false
  setNumberAt(keys, KEYS_USED_AT, count)
  for (let i: u32 = 0; i < count; i++) enterKey(keys, i)
  return true
}

/** Put the key behind the others, unless it is there. A status. */
function addKey(keys: usize, count: u32, key: u32): u32 {
  if (numberAt(keys, KEYS_USED_AT) > count) return STATUS_OK
  const status = put(keys, keys + KEYS_FIRST_AT + (count << 2), key)
  if (status) return status
  setNumberAt(keys, KEYS_USED_AT, count + 1)
  enterKey(keys, count)
  return STATUS_OK
}

// ---- children -------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function childrenCapacity(table: usize): u32 {
  return table ? payloadBytes(table) >> CHILD_ENTRY_SHIFT : 0
}

// @ts-ignore: decorator
@inline
export function childEntry(table: usize, i: u32): usize {
  return table + (<usize>i << CHILD_ENTRY_SHIFT)
}

/** The child of an entry, 0 when it has died or there is none. */
export function childAt(entry: usize): u32 {
  const word = load<u32>(entry, 4)
  // @ts-ignore: set by --use
  if (HW_COUNTED) return word
  else return word ? <u32>kernelWeakRefGet(word) : 0
}

/** The child by a key, 0 when there is none. */
export function findChild(shape: usize, key: u32, hash: u32): u32 {
  const table = load<usize>(shape, SHAPE_CHILDREN_AT)
  if (!table) return 0
  const mask = childrenCapacity(table) - 1
  let i = (hash >> 1) & mask
  while (true) {
    const entry = childEntry(table, i)
    const known = load<u32>(entry)
    if (!known) return 0
    if (known == hash) {
      const child = childAt(entry)
      if (child && load<u32>(child, SHAPE_KEY_AT) == key) return child
    }
    i = (i + 1) & mask
  }
}

/** Enter a child into a table with room: in place of a dead one, or where nothing is. Whether nothing was. */
function putChild(table: usize, hash: u32, word: u32): bool {
  const mask = childrenCapacity(table) - 1
  let i = (hash >> 1) & mask
  while (load<u32>(childEntry(table, i)) && childAt(childEntry(table, i))) i = (i + 1) & mask
  const entry = childEntry(table, i)
  const wasEmpty = load<u32>(entry) == 0
  store<u32>(entry, hash)
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    store<u32>(entry, word, 4)
    store<u32>(word, <u32>entry + 4, SHAPE_WATCH_AT)
    setHeadWord(word, headWord(word) | OBJECT_WATCHED)
  } else put(table, entry + 4, word)
  return wasEmpty
}

/** Room for one child more of the parent in its operand. A status; STATUS_RANGE when it has as many as it may. */
function makeChildRoom(): u32 {
  const table = load<usize>(kept(PARENT), SHAPE_CHILDREN_AT)
  const capacity = childrenCapacity(table)
  const most = min(capacity - (capacity >> 2) - <u32>(capacity == 2), SHAPE_CHILDREN_MAX)
  if (numberAt(kept(PARENT), SHAPE_MARKS_AT) < most) return STATUS_OK
  let live: u32 = 0
  for (let i: u32 = 0; i < capacity; i++) live += <u32>(childAt(childEntry(table, i)) != 0)
  if (live >= SHAPE_CHILDREN_MAX) return STATUS_RANGE
  let wanted: u32 = 2
  while (wanted < (live + 1) << 1) wanted <<= 1
  // Where they are counted the table must not hold its children: it is a leaf.
  // @ts-ignore: set by --use
  const made = allocate(stateWord(HW_COUNTED ? VALUES_TYPE_BYTES_AT : VALUES_TYPE_WORDS_AT), wanted << 3)
  if (!made) return STATUS_OUT_OF_MEMORY
  const parent = kept(PARENT)
  const old = load<usize>(parent, SHAPE_CHILDREN_AT)
  let marks: u32 = 0
  for (let i: u32 = 0; i < capacity; i++) {
    const entry = childEntry(old, i)
    if (childAt(entry)) marks += <u32>putChild(made, load<u32>(entry), load<u32>(entry, 4))
  }
  setPart(parent, parent + SHAPE_CHILDREN_AT, made)
  setNumberAt(parent, SHAPE_MARKS_AT, marks)
  return STATUS_OK
}

// ---- making ---------------------------------------------------------------------------------------------------------

/** Where the state has the root; in the counted world it does not own it, and the word becomes 0 when it goes. */
function rootAt(): usize {
  // @ts-ignore: set by --use
  return valuesAt() + (HW_COUNTED ? VALUES_ROOT_WATCH_AT : VALUES_ROOT_SHAPE_AT)
}

/** The shape that all others come from, owned; 0 when out of memory. */
export function rootShape(): u32 {
  const known = load<u32>(rootAt())
  if (known) return retain(known) ? known : refuse(STATUS_COUNT)
  const root = allocate(stateWord(VALUES_TYPE_SHAPE_AT), SHAPE_PAYLOAD_BYTES)
  if (!root) return 0
  // No object has the root, so no cache knows it, and each root may have the same number.
  setNumbers(root, SHAPE_FIRST_NUMBER, 0, 0)
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    store<u32>(root, <u32>rootAt(), SHAPE_WATCH_AT)
    setHeadWord(root, headWord(root) | OBJECT_WATCHED)
  }
  store<u32>(rootAt(), root)
  return root
}

/** A number that no shape with objects had. */
function nextNumber(): u32 {
  const next = stateWord(VALUES_SHAPE_NEXT_AT)
  setStateWord(VALUES_SHAPE_NEXT_AT, next + 1)
  return SHAPE_FIRST_NUMBER + next
}

function setNumbers(shape: usize, number: u32, count: u32, inlineSlots: u32): void {
  setNumberAt(shape, SHAPE_NUMBER_AT, number)
  setNumberAt(shape, SHAPE_COUNT_AT, count)
  setNumberAt(shape, SHAPE_INLINE_AT, inlineSlots)
  setNumberAt(shape, SHAPE_MARKS_AT, 0)
}

/**
 * The child by the key in its operand of the shape in its operand, owned; made if there is none. 0: STATUS_RANGE when
 * there may be no more shapes, OUT_OF_MEMORY, STATUS_COUNT.
 */
export function childShape(): u32 {
  let hash = hashOfKey(kept(KEY))
  if (!hash) hash = makeHash(KEY)
  if (!hash) return 0
  const known = findChild(kept(PARENT), kept(KEY), hash)
  if (known) return retain(known) ? known : refuse(STATUS_COUNT)
  if (!mayMakeShape()) return refuse(STATUS_RANGE)
  let status = makeChildRoom()
  if (status) return refuse(status)
  // Children of the root have no properties.
  const hasKeys = load<usize>(kept(PARENT), SHAPE_PARENT_AT) != 0
  if (hasKeys) {
    status = prepareKeys()
    if (status) return refuse(status)
  }
  return makeChild(hasKeys, hash)
}

function makeChild(hasKeys: bool, hash: u32): u32 {
  const made = allocate(stateWord(VALUES_TYPE_SHAPE_AT), SHAPE_PAYLOAD_BYTES)
  if (made && hasKeys) putOwned(made, made + SHAPE_KEYS_AT, kept(KEYS))
  else if (hasKeys) release(kept(KEYS))
  if (!made) return 0
  const count = shapeCount(kept(PARENT))
  const inlineSlots = hasKeys ? numberAt(kept(PARENT), SHAPE_INLINE_AT) : <u32>integerOf(kept(KEY))
  setNumbers(made, nextNumber(), hasKeys ? count + 1 : 0, inlineSlots)
  let status = put(made, made + SHAPE_KEY_AT, kept(KEY))
  if (!status && hasKeys) status = addKey(load<usize>(made, SHAPE_KEYS_AT), count, kept(KEY))
  if (!status) status = put(made, made + SHAPE_PARENT_AT, kept(PARENT))
  if (status) {
    release(made)
    return refuse(status)
  }
  keep(CHILD, made)
  return enterChild(hash) ? kept(CHILD) : 0
}

/** Let the parent lead to the child, both in their operands. False when out of memory. */
function enterChild(hash: u32): bool {
  // @ts-ignore: set by --use
  if (HW_COUNTED) keep(WEAK, kept(CHILD))
  else {
    const weak = kernelWeakRefNew(valuesAt() + VALUES_OPERANDS_AT + (CHILD << 2))
    if (!weak) return refuse(STATUS_OUT_OF_MEMORY) != 0
    keep(WEAK, weak)
  }
  const parent = kept(PARENT)
  if (putChild(load<usize>(parent, SHAPE_CHILDREN_AT), hash, kept(WEAK))) {
    setNumberAt(parent, SHAPE_MARKS_AT, numberAt(parent, SHAPE_MARKS_AT) + 1)
  }
  setStateWord(VALUES_SHAPES_AT, stateWord(VALUES_SHAPES_AT) + 1)
  return true
}

/** The shape of objects without properties that have so many slots inline, owned; 0 as `childShape` has it. */
export function baseShape(inlineSlots: u32): u32 {
  const root = rootShape()
  if (!root) return 0
  keep(PARENT, root)
  keep(KEY, wordOfInteger(inlineSlots))
  const shape = childShape()
  release(kept(PARENT))
  return shape
}

// ---- how many there are ---------------------------------------------------------------------------------------------

/** Shapes that live, without the root. Looks at all of them. */
export function shapesLive(): u32 {
  const root = load<u32>(rootAt())
  if (!root) return 0
  let live: u32 = 0
  let at = root
  let next = childFrom(at, 0)
  while (true) {
    if (next) {
      live++
      at = next
      next = childFrom(at, 0)
    } else {
      if (at == root) return live
      const parent = load<u32>(at, SHAPE_PARENT_AT)
      next = childFrom(parent, entryOfChild(parent, at) + 1)
      at = parent
    }
  }
}

/** The first child from entry `from` on, 0 when there is none. */
function childFrom(shape: usize, from: u32): u32 {
  const table = load<usize>(shape, SHAPE_CHILDREN_AT)
  const capacity = childrenCapacity(table)
  for (let i = from; i < capacity; i++) {
    const child = childAt(childEntry(table, i))
    if (child) return child
  }
  return 0
}

/** Which entry of its parent a child has. */
function entryOfChild(parent: usize, child: u32): u32 {
  const table = load<usize>(parent, SHAPE_CHILDREN_AT)
  const mask = childrenCapacity(table) - 1
  let i = (hashOfKey(load<u32>(child, SHAPE_KEY_AT)) >> 1) & mask
  while (childAt(childEntry(table, i)) != child) i = (i + 1) & mask
  return i
}

/** Whether the limit allows one shape more. When it seems not to, those that live are counted, but not every time. */
function mayMakeShape(): bool {
  if (stateWord(VALUES_SHAPE_NEXT_AT) > <u32>INTEGER_MAX - SHAPE_FIRST_NUMBER) return false
  const limit = stateWord(VALUES_SHAPE_LIMIT_AT)
  if (stateWord(VALUES_SHAPES_AT) < limit) return true
  const refusals = stateWord(VALUES_SHAPE_REFUSALS_AT)
  if (refusals) {
    setStateWord(VALUES_SHAPE_REFUSALS_AT, refusals - 1)
    return false
  }
  const live = shapesLive()
  setStateWord(VALUES_SHAPES_AT, live)
  if (live < limit) return true
  // In step with what was looked at: the limit may have been far higher.
  setStateWord(VALUES_SHAPE_REFUSALS_AT, live >> 2)
  return false
}
