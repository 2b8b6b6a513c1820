/**
 * An array of fixed capacity over items of equal size, in one piece of memory. Layout and invariants: `layout.ts`.
 *
 * Functions that make or find an item answer its address, so that the caller stores and loads the item's own type
 * without a copy; 0 says that there is none. What stands in a new item is unspecified until the caller writes it. An
 * address is good until the next insert or remove, that of a popped item until the next push or insert.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import { ARRAY_HEADER_BYTES, STATUS_OUT_OF_RANGE } from './layout'

@unmanaged
class FixedArray {
  length: u32
  capacity: u32
  itemBytes: u32
}

/** Bytes that the array takes; 0 when they do not fit 32 bits or `itemBytes` is 0. */
export function arrayBytes(capacity: u32, itemBytes: u32): u32 {
  const bytes = <u64>ARRAY_HEADER_BYTES + <u64>capacity * <u64>itemBytes
  return itemBytes == 0 || bytes > <u64>u32.MAX_VALUE ? 0 : <u32>bytes
}

/** Makes an empty array at `at`. Writes the header only. OK, or BAD_ARGUMENT where `arrayBytes` is 0. */
export function arrayInit(at: usize, capacity: u32, itemBytes: u32): u32 {
  if (arrayBytes(capacity, itemBytes) == 0) return STATUS_BAD_ARGUMENT
  const array = changetype<FixedArray>(at)
  array.length = 0
  array.capacity = capacity
  array.itemBytes = itemBytes
  store<u32>(at, 0, offsetof<FixedArray>())
  return STATUS_OK
}

// @ts-ignore: decorator
@inline
export function arrayLength(at: usize): u32 {
  return changetype<FixedArray>(at).length
}

/** Address of item `index`; 0 when out of range. */
// @ts-ignore: decorator
@inline
export function arrayAt(at: usize, index: u32): usize {
  return index < arrayLength(at) ? itemAt(at, index) : 0
}

/** Copies an item from `source` to place `index`. OK or OUT_OF_RANGE. `source` may overlap the array. */
export function arraySet(at: usize, index: u32, source: usize): u32 {
  if (index >= arrayLength(at)) return STATUS_OUT_OF_RANGE
  memory.copy(itemAt(at, index), source, changetype<FixedArray>(at).itemBytes)
  return STATUS_OK
}

/** Address of a new last item; 0 when the array is full. */
// @ts-ignore: decorator
@inline
export function arrayPush(at: usize): usize {
  const array = changetype<FixedArray>(at)
  const length = array.length
  if (length == array.capacity) return 0
  array.length = length + 1
  return itemAt(at, length)
}

/** Removes the last item and gives where it still stands; 0 when the array is empty. */
// @ts-ignore: decorator
@inline
export function arrayPop(at: usize): usize {
  const array = changetype<FixedArray>(at)
  if (array.length == 0) return 0
  array.length -= 1
  return itemAt(at, array.length)
}

/** Address of a new item at `index`, those from there on move up; 0 when the array is full or `index` > length. */
export function arrayInsert(at: usize, index: u32): usize {
  const array = changetype<FixedArray>(at)
  const length = array.length
  if (length == array.capacity || index > length) return 0
  const item = itemAt(at, index)
  memory.copy(item + array.itemBytes, item, (length - index) * array.itemBytes)
  array.length = length + 1
  return item
}

/** Removes item `index`, those behind it move down. OK or OUT_OF_RANGE. */
export function arrayRemove(at: usize, index: u32): u32 {
  const array = changetype<FixedArray>(at)
  if (index >= array.length) return STATUS_OUT_OF_RANGE
  const last = array.length - 1
  const item = itemAt(at, index)
  memory.copy(item, item + array.itemBytes, (last - index) * array.itemBytes)
  array.length = last
  return STATUS_OK
}

/** Removes item `index` by putting the last one into its place: constant time, order lost. OK or OUT_OF_RANGE. */
export function arraySwapRemove(at: usize, index: u32): u32 {
  const array = changetype<FixedArray>(at)
  if (index >= array.length) return STATUS_OUT_OF_RANGE
  const last = array.length - 1
  memory.copy(itemAt(at, index), itemAt(at, last), array.itemBytes)
  array.length = last
  return STATUS_OK
}

// @ts-ignore: decorator
@inline
export function arrayClear(at: usize): void {
  changetype<FixedArray>(at).length = 0
}

// @ts-ignore: decorator
@inline
function itemAt(at: usize, index: u32): usize {
  return at + ARRAY_HEADER_BYTES + index * changetype<FixedArray>(at).itemBytes
}
