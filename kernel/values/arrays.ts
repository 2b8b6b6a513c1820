/**
 * Arrays: elements of one kind side by side in a store that is replaced by a longer one when it is full, so that
 * appending takes constant time on average. The store's payload is as long as the array's capacity says, and no longer.
 *
 *   array   [ store, or 0 ][ length ][ kind : 8 | 0 : 8 | element bytes : 16 ]
 *   length <= capacity = bytes of the store / element bytes
 *   what lies behind the length reads 0 where elements are words or wide values
 *
 * Guarantee: a call that fails has changed nothing but, at most, the capacity.
 */
import { STATUS_BAD_ARGUMENT, STATUS_FOREIGN, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { OBJECT_HEADER_BYTES, OBJECT_MAX_BYTES } from '../object-layout'
import { objectBytesFor } from '../object/header'
import {
  ARRAY_ELEMENT_BYTES_AT,
  ARRAY_KIND_AT,
  ARRAY_LENGTH_AT,
  ARRAY_PAYLOAD_BYTES,
  ARRAY_STORE_AT,
  KIND_VALUE,
  KIND_WIDE,
  STATUS_NONE,
  STATUS_RANGE,
  STATUS_TYPE,
  VALUES_TYPE_ARRAY_AT,
  WIDE_NAN,
  WIDE_REFERENCE,
} from '../value-layout'
import { isForeign } from '../object/owners'
import {
  copyElements,
  dropElements,
  elementBytesOf,
  freshElements,
  isNanWide,
  isWide,
  mayRefer,
  moveElements,
  putWide,
  putWideOwned,
  storeTypeAt,
} from './elements'
import {
  allocate,
  countDown,
  countUp,
  failed,
  isOf,
  isOwnOf,
  keep,
  kept,
  letGo,
  own,
  payloadBytes,
  put,
  putOwned,
  refuse,
  release,
  stateWord,
  take,
  wordStatus,
} from './world'

/** Elements that a first store has room for, and up to which a full one is doubled; later it grows by half. */
const FIRST_ELEMENTS: u32 = 4
const DOUBLED_ELEMENTS: u32 = 4096

// ---- parts ----------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function isArray(word: u32): bool {
  return isOf(word, VALUES_TYPE_ARRAY_AT)
}

/** Whether it is an array that may be written: an image is not. */
// @ts-ignore: decorator
@inline
export function isWritable(word: u32): bool {
  return isOwnOf(word, VALUES_TYPE_ARRAY_AT)
}

/** Why it is none. */
export function whyNotWritable(word: u32): u32 {
  return isArray(word) ? STATUS_BAD_ARGUMENT : STATUS_TYPE
}

// @ts-ignore: decorator
@inline
export function storeOf(array: usize): usize {
  return load<u32>(array, ARRAY_STORE_AT)
}

// @ts-ignore: decorator
@inline
export function lengthOf(array: usize): u32 {
  return load<u32>(array, ARRAY_LENGTH_AT)
}

// @ts-ignore: decorator
@inline
export function setLength(array: usize, length: u32): void {
  store<u32>(array, length, ARRAY_LENGTH_AT)
}

// @ts-ignore: decorator
@inline
export function kindOf(array: usize): u32 {
  return load<u8>(array, ARRAY_KIND_AT)
}

// @ts-ignore: decorator
@inline
export function elementBytes(array: usize): u32 {
  return load<u16>(array, ARRAY_ELEMENT_BYTES_AT)
}

export function capacityOf(array: usize): u32 {
  const at = storeOf(array)
  return at ? payloadBytes(at) / elementBytes(array) : 0
}

/** Address of an element that is there. */
// @ts-ignore: decorator
@inline
export function elementAt(array: usize, index: u32): usize {
  return storeOf(array) + <usize>(index * elementBytes(array))
}

export function arrayLength(array: u32): u32 {
  return isArray(array) ? lengthOf(array) : refuse(STATUS_TYPE)
}

export function arrayCapacity(array: u32): u32 {
  return isArray(array) ? capacityOf(array) : refuse(STATUS_TYPE)
}

/** Address of an element, good until something is allocated. 0 with STATUS_RANGE. */
export function arrayAt(array: u32, index: u32): usize {
  if (!isArray(array)) return refuse(STATUS_TYPE)
  return index < lengthOf(array) ? elementAt(array, index) : refuse(STATUS_RANGE)
}

// ---- making and room ------------------------------------------------------------------------------------------------

/**
 * An empty array with room for `capacity` elements, owned. `bytes` of an element are needed for KIND_BYTES alone; for
 * the others they are 0 or what the kind has. 0 with BAD_ARGUMENT for other kinds and sizes.
 */
export function arrayNew(kind: u32, bytes: u32, capacity: u32): u32 {
  const size = elementBytesOf(kind, bytes)
  if (!size) return refuse(STATUS_BAD_ARGUMENT)
  const made = makeArray(kind, size, capacity)
  letGo()
  return made
}

/** The same; operand 0 is used and left. */
export function makeArray(kind: u32, bytes: u32, capacity: u32): u32 {
  const made = allocate(stateWord(VALUES_TYPE_ARRAY_AT), ARRAY_PAYLOAD_BYTES)
  if (!made) return 0
  store<u8>(made, <u8>kind, ARRAY_KIND_AT)
  store<u16>(made, <u16>bytes, ARRAY_ELEMENT_BYTES_AT)
  keep(0, made)
  if (!capacity || !setCapacity(capacity)) return kept(0)
  release(kept(0))
  return 0
}

/** Give the array in operand 0 a store for exactly `capacity` elements, at least as many as it has. */
function setCapacity(capacity: u32): u32 {
  const bytes = elementBytes(kept(0))
  const kind = kindOf(kept(0))
  let made: usize = 0
  if (capacity) {
    const size = <u64>capacity * bytes
    if (size > <u64>OBJECT_MAX_BYTES) return failed(STATUS_OUT_OF_MEMORY)
    made = allocate(stateWord(storeTypeAt(kind)), <u32>size)
    if (!made) return STATUS_OUT_OF_MEMORY
  }
  const array = kept(0)
  const length = lengthOf(array)
  const old = storeOf(array)
  if (length) {
    moveElements(kind, bytes, made, made, old, length)
    // Whoever counts finds nothing in the old store.
    // @ts-ignore: set by --use
    if (HW_COUNTED && mayRefer(kind)) memory.fill(old, 0, length * bytes)
  }
  take(array, array + ARRAY_STORE_AT)
  putOwned(array, array + ARRAY_STORE_AT, made)
  release(old)
  return STATUS_OK
}

/** Make the array in operand 0 long enough for `needed` elements, and for some more. */
function grow(needed: u64): u32 {
  const array = kept(0)
  const bytes = elementBytes(array)
  const most: u32 = OBJECT_MAX_BYTES / bytes
  if (needed > <u64>most) return failed(STATUS_OUT_OF_MEMORY)
  const now = capacityOf(array)
  const more = now + (now < DOUBLED_ELEMENTS ? max(now, FIRST_ELEMENTS) : now >> 1)
  const wanted = min(max(<u32>needed, more), most)
  // What an object takes is rounded up: all of it is the store's.
  const rounded = min(objectBytesFor(wanted * bytes) - OBJECT_HEADER_BYTES, OBJECT_MAX_BYTES) / bytes
  const status = setCapacity(rounded)
  return status && <u64>rounded > needed ? setCapacity(<u32>needed) : status
}

/** Room for `count` more elements: the array is in operand 0, before and after. */
export function makeRoom(array: u32, count: u32): u32 {
  keep(0, array)
  const needed = <u64>lengthOf(array) + count
  return needed > <u64>capacityOf(array) ? grow(needed) : STATUS_OK
}

/** Room for `capacity` elements in all; never less than there is. */
export function arrayReserve(array: u32, capacity: u32): u32 {
  if (!isWritable(array)) return failed(whyNotWritable(array))
  if (capacity <= capacityOf(array)) return STATUS_OK
  keep(0, array)
  const status = setCapacity(capacity)
  letGo()
  return status
}

/** Give back the room that no element takes. */
export function arrayTrim(array: u32): u32 {
  if (!isWritable(array)) return failed(whyNotWritable(array))
  const length = lengthOf(array)
  if (capacityOf(array) == length) return STATUS_OK
  keep(0, array)
  const status = setCapacity(length)
  letGo()
  return status
}

/** Make it so long: what is too much is let go, new elements are 0, or undefined where elements are words. */
export function arrayResize(array: u32, length: u32): u32 {
  if (!isWritable(array)) return failed(whyNotWritable(array))
  const before = lengthOf(array)
  if (length > before) return arrayInsert(array, before, length - before)
  if (length == before) return STATUS_OK
  setLength(array, length)
  const at = storeOf(array) + <usize>(length * elementBytes(array))
  const isCounted = countUp(array)
  dropElements(kindOf(array), elementBytes(array), storeOf(array), at, before - length)
  countDown(array, isCounted)
  return STATUS_OK
}

/** Open a gap of `count` new elements at `index`, at most the length. */
export function arrayInsert(array: u32, index: u32, count: u32): u32 {
  if (!isWritable(array)) return failed(whyNotWritable(array))
  if (index > lengthOf(array)) return failed(STATUS_RANGE)
  if (!count) return STATUS_OK
  const status = makeRoom(array, count)
  const moved = kept(0)
  letGo()
  if (status) return status
  const length = lengthOf(moved)
  const kind = kindOf(moved)
  const bytes = elementBytes(moved)
  const at = elementAt(moved, index)
  moveElements(kind, bytes, storeOf(moved), at + <usize>(count * bytes), at, length - index)
  freshElements(kind, bytes, storeOf(moved), at, count)
  setLength(moved, length + count)
  return STATUS_OK
}

// ---- values ---------------------------------------------------------------------------------------------------------

/** Whether it is an array of words. */
// @ts-ignore: decorator
@inline
export function isValueArray(word: u32): bool {
  return isArray(word) && kindOf(word) == KIND_VALUE
}

/** Whether it is an array of `kind` that may be written. */
// @ts-ignore: decorator
@inline
export function isWritableOf(word: u32, kind: u32): bool {
  return isWritable(word) && kindOf(word) == kind
}

/** Why it is none, as the status that is left. */
export function refuseKind(word: u32, kind: u32): u32 {
  const isImage = isArray(word) && kindOf(word) == kind
  return failed(isImage ? STATUS_BAD_ARGUMENT : STATUS_TYPE)
}

/** An element of an array of words, lent; 0 with STATUS_RANGE. */
export function arrayGet(array: u32, index: u32): u32 {
  if (!isValueArray(array)) return refuse(STATUS_TYPE)
  return index < lengthOf(array) ? load<u32>(storeOf(array) + (<usize>index << 2)) : refuse(STATUS_RANGE)
}

/** Set an element of an array of words. The word 0 is none: BAD_ARGUMENT. */
export function arraySet(array: u32, index: u32, word: u32): u32 {
  if (!isWritableOf(array, KIND_VALUE)) return refuseKind(array, KIND_VALUE)
  if (index >= lengthOf(array)) return failed(STATUS_RANGE)
  let status = wordStatus(word)
  if (status) return failed(status)
  status = put(storeOf(array), storeOf(array) + (<usize>index << 2), word)
  return status ? failed(status) : STATUS_OK
}

/** Append a word. */
export function arrayPush(array: u32, word: u32): u32 {
  if (!isWritableOf(array, KIND_VALUE)) return refuseKind(array, KIND_VALUE)
  let status = wordStatus(word)
  if (status) return failed(status)
  const at = storeOf(array)
  const length = lengthOf(array)
  if (!at || length >= payloadBytes(at) >> 2) return pushWithGrowth(array, word)
  status = put(at, at + (<usize>length << 2), word)
  if (status) return failed(status)
  setLength(array, length + 1)
  return STATUS_OK
}

function pushWithGrowth(array: u32, word: u32): u32 {
  let status = own(word)
  if (status) return failed(status)
  keep(1, word)
  status = makeRoom(array, 1)
  const moved = kept(0)
  const owned = kept(1)
  letGo()
  if (status) {
    release(owned)
    return status
  }
  const length = lengthOf(moved)
  putOwned(storeOf(moved), elementAt(moved, length), owned)
  setLength(moved, length + 1)
  return STATUS_OK
}

/** Take the last word off, owned. 0 with STATUS_NONE. */
export function arrayPop(array: u32): u32 {
  if (!isWritableOf(array, KIND_VALUE)) return refuse(refuseKind(array, KIND_VALUE))
  const length = lengthOf(array)
  if (!length) return refuse(STATUS_NONE)
  setLength(array, length - 1)
  return take(storeOf(array), elementAt(array, length - 1))
}

/**
 * Append `count` words that lie at `at`, outside of objects, each counted once more. When the array has no room for
 * them objects may move: words that refer lie where collectors put them right, in handles or on a shadow stack.
 */
export function arrayPushMany(array: u32, at: usize, count: u32): u32 {
  if (!isWritableOf(array, KIND_VALUE)) return refuseKind(array, KIND_VALUE)
  if (at & 3 || <u64>at + ((<u64>count) << 2) > <u64>(<u32>memory.size()) << 16) return failed(STATUS_BAD_ARGUMENT)
  for (let i: u32 = 0; i < count; i++) {
    const status = wordStatus(load<u32>(at + (<usize>i << 2)))
    if (status) return failed(status)
  }
  return append(array, at, count)
}

/** Append `count` elements whose bytes lie at `at`, outside of objects: of any kind that refers to nothing. */
export function arrayPushBytes(array: u32, at: usize, count: u32): u32 {
  if (!isWritable(array)) return failed(whyNotWritable(array))
  if (mayRefer(kindOf(array))) return failed(STATUS_TYPE)
  const bytes = <u64>count * elementBytes(array)
  if (<u64>at + bytes > <u64>(<u32>memory.size()) << 16) return failed(STATUS_BAD_ARGUMENT)
  return append(array, at, count)
}

function append(array: u32, at: usize, count: u32): u32 {
  if (!count) return STATUS_OK
  let status = makeRoom(array, count)
  const moved = kept(0)
  letGo()
  if (status) return status
  const length = lengthOf(moved)
  status = copyElements(kindOf(moved), elementBytes(moved), storeOf(moved), elementAt(moved, length), at, count)
  if (status) return failed(status)
  setLength(moved, length + count)
  return STATUS_OK
}

// ---- wide values ----------------------------------------------------------------------------------------------------

/** Set an element of an array of wide values; any NaN is stored as the one that they have. */
export function arraySetWide(array: u32, index: u32, low: u32, high: u32): u32 {
  if (!isWritableOf(array, KIND_WIDE)) return refuseKind(array, KIND_WIDE)
  if (index >= lengthOf(array)) return failed(STATUS_RANGE)
  if (!isWide(low, high)) return failed(STATUS_BAD_ARGUMENT)
  if (high == WIDE_REFERENCE && isForeign(low)) return failed(STATUS_FOREIGN)
  const isNan = isNanWide(low, high)
  const at = storeOf(array) + (<usize>index << 3)
  const status = putWide(storeOf(array), at, isNan ? 0 : low, isNan ? WIDE_NAN : high)
  return status ? failed(status) : STATUS_OK
}

/** Append a wide value. */
export function arrayPushWide(array: u32, low: u32, high: u32): u32 {
  if (!isWritableOf(array, KIND_WIDE)) return refuseKind(array, KIND_WIDE)
  if (!isWide(low, high)) return failed(STATUS_BAD_ARGUMENT)
  const isNan = isNanWide(low, high)
  const refers = high == WIDE_REFERENCE
  if (refers && isForeign(low)) return failed(STATUS_FOREIGN)
  let status = refers ? own(low) : STATUS_OK
  if (status) return failed(status)
  // Only what is a reference may be kept as one.
  keep(1, refers ? low : 0)
  status = makeRoom(array, 1)
  const moved = kept(0)
  const owned = kept(1)
  letGo()
  if (status) {
    release(owned)
    return status
  }
  const length = lengthOf(moved)
  const stored = refers ? owned : isNan ? 0 : low
  putWideOwned(storeOf(moved), elementAt(moved, length), stored, isNan ? WIDE_NAN : high)
  setLength(moved, length + 1)
  return STATUS_OK
}
