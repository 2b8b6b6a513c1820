/**
 * A ring buffer of fixed capacity that is used from both ends. Layout and invariants: `layout.ts`.
 *
 * The ring keeps where its first item is and how many there are, not two counters that run on forever: with a capacity
 * that is no power of two such counters break when they pass 2^32. No sum of two indices is ever formed either
 * (`placeOf`), so every capacity that fits the memory works.
 *
 * As in `array.ts`, items are given by address, 0 says that there is none, and what stands in a new item is unspecified
 * until the caller writes it. The address of a popped item is good until the next push.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import { RING_HEADER_BYTES } from './layout'

@unmanaged
class Ring {
  head: u32
  count: u32
  capacity: u32
  itemBytes: u32
}

/** Bytes that the ring takes; 0 when they do not fit 32 bits or `itemBytes` is 0. */
export function ringBytes(capacity: u32, itemBytes: u32): u32 {
  const bytes = <u64>RING_HEADER_BYTES + <u64>capacity * <u64>itemBytes
  return itemBytes == 0 || bytes > <u64>u32.MAX_VALUE ? 0 : <u32>bytes
}

/** Makes an empty ring at `at`. Writes the header only. OK, or BAD_ARGUMENT where `ringBytes` is 0. */
export function ringInit(at: usize, capacity: u32, itemBytes: u32): u32 {
  if (ringBytes(capacity, itemBytes) == 0) return STATUS_BAD_ARGUMENT
  const ring = changetype<Ring>(at)
  ring.head = 0
  ring.count = 0
  ring.capacity = capacity
  ring.itemBytes = itemBytes
  return STATUS_OK
}

// @ts-ignore: decorator
@inline
export function ringCount(at: usize): u32 {
  return changetype<Ring>(at).count
}

/** Address of the item `index` places behind the first; 0 when out of range. */
// @ts-ignore: decorator
@inline
export function ringAt(at: usize, index: u32): usize {
  return index < ringCount(at) ? itemAt(at, placeOf(at, index)) : 0
}

/** Address of the first item; 0 when the ring is empty. */
// @ts-ignore: decorator
@inline
export function ringFront(at: usize): usize {
  return ringAt(at, 0)
}

/** Address of the last item; 0 when the ring is empty. */
// @ts-ignore: decorator
@inline
export function ringBack(at: usize): usize {
  // The count of an empty ring minus one is above every count.
  return ringAt(at, ringCount(at) - 1)
}

/** Address of a new last item; 0 when the ring is full. */
// @ts-ignore: decorator
@inline
export function ringPushBack(at: usize): usize {
  const ring = changetype<Ring>(at)
  const count = ring.count
  if (count == ring.capacity) return 0
  ring.count = count + 1
  return itemAt(at, placeOf(at, count))
}

/** Address of a new first item; 0 when the ring is full. */
// @ts-ignore: decorator
@inline
export function ringPushFront(at: usize): usize {
  const ring = changetype<Ring>(at)
  if (ring.count == ring.capacity) return 0
  ring.head = (ring.head == 0 ? ring.capacity : ring.head) - 1
  ring.count += 1
  return itemAt(at, ring.head)
}

/** Removes the first item and gives where it still stands; 0 when the ring is empty. */
// @ts-ignore: decorator
@inline
export function ringPopFront(at: usize): usize {
  const ring = changetype<Ring>(at)
  if (ring.count == 0) return 0
  const item = itemAt(at, ring.head)
  ring.head = ring.head == ring.capacity - 1 ? 0 : ring.head + 1
  ring.count -= 1
  return item
}

/** Removes the last item and gives where it still stands; 0 when the ring is empty. */
// @ts-ignore: decorator
@inline
export function ringPopBack(at: usize): usize {
  const ring = changetype<Ring>(at)
  if (ring.count == 0) return 0
  ring.count -= 1
  return itemAt(at, placeOf(at, ring.count))
}

/** As `ringPushBack`, but a full ring loses its first item; 0 only when the capacity is 0. */
export function ringPushBackOverwrite(at: usize): usize {
  const ring = changetype<Ring>(at)
  if (ring.count == ring.capacity) ringPopFront(at)
  return ringPushBack(at)
}

/** As `ringPushFront`, but a full ring loses its last item; 0 only when the capacity is 0. */
export function ringPushFrontOverwrite(at: usize): usize {
  const ring = changetype<Ring>(at)
  if (ring.count == ring.capacity) ringPopBack(at)
  return ringPushFront(at)
}

// @ts-ignore: decorator
@inline
export function ringClear(at: usize): void {
  const ring = changetype<Ring>(at)
  ring.head = 0
  ring.count = 0
}

/** Place of item `index` (at most capacity - 1) without forming head + index, which may pass 2^32. */
// @ts-ignore: decorator
@inline
function placeOf(at: usize, index: u32): u32 {
  const ring = changetype<Ring>(at)
  const untilWrap = ring.capacity - ring.head
  return index < untilWrap ? ring.head + index : index - untilWrap
}

// @ts-ignore: decorator
@inline
function itemAt(at: usize, place: u32): usize {
  return at + RING_HEADER_BYTES + place * changetype<Ring>(at).itemBytes
}
