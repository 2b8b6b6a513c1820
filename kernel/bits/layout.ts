/// <reference path="../types.d.ts" />
/**
 * The layout of the building blocks and what their functions answer: constants for both halves, compiled by `asc` and
 * `tsc`. All fields are 32-bit unless they say otherwise, little-endian, and there is no state anywhere else.
 *
 *   bitmap    0 bits  4 zero                                   8 .. 64-bit words, lowest bit first
 *   list      0 head  4 tail  8 count
 *   node      0 next  4 prev  8 owner                          inside the user's element, at any offset
 *   array     0 length  4 capacity  8 itemBytes  12 zero       16 .. items
 *   ring      0 head  4 count  8 capacity  12 itemBytes        16 .. items
 *
 * Invariants
 *   bitmap    every bit of the last word at or above `bits` is zero
 *   list      head.prev = tail.next = the list's own address; an empty list has head = tail = its own address;
 *             n.next.prev = n.prev.next = n; the nodes on the way from head to tail are `count`, each with owner = the
 *             list
 *   node      in no list: next = prev = owner = 0
 *   array     length <= capacity; 16 + capacity * itemBytes < 2^32
 *   ring      count <= capacity; head < capacity, or head = capacity = 0; 16 + capacity * itemBytes < 2^32
 */

export const BITMAP_HEADER_BYTES: u32 = 8
/** Rounding up to whole words stays below 2^32. */
export const BITMAP_BITS_MAX: u32 = 0xffffffc0

export const LIST_HEADER_BYTES: u32 = 12
export const LIST_NODE_BYTES: u32 = 12
export const LIST_NODE_OWNER_AT: u32 = 8
export const LIST_COUNT_AT: u32 = 8

export const ARRAY_HEADER_BYTES: u32 = 16
export const ARRAY_LENGTH_AT: u32 = 0
export const ARRAY_CAPACITY_AT: u32 = 4
export const ARRAY_ITEM_BYTES_AT: u32 = 8

export const RING_HEADER_BYTES: u32 = 16
export const RING_HEAD_AT: u32 = 0
export const RING_COUNT_AT: u32 = 4
export const RING_CAPACITY_AT: u32 = 8
export const RING_ITEM_BYTES_AT: u32 = 12

/** "No such bit": above every position. */
export const NO_BIT: u32 = 0xffffffff

// ---- statuses: they continue those of `kernel/layout.ts`, whose OK, BAD_ARGUMENT and CORRUPT are used here too -----

/** An index, or the end of a range, lies behind the end of the structure. */
export const STATUS_OUT_OF_RANGE: u32 = 32
/** The node to insert is in this list already. */
export const STATUS_LINKED: u32 = 33
/** The node is in another list. */
export const STATUS_ELSEWHERE: u32 = 34
/** The node is in no list. */
export const STATUS_UNLINKED: u32 = 35
