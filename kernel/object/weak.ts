/**
 * Weak references and weak maps: objects of built-in types.
 *
 *   WeakRef     [ target ][ link ]                            link: used during a collection
 *   WeakMap     [ table ][ 0 ]
 *   WeakTable   [ link ][ size ][ used ][ 0 ][ key, value, next ] ...
 *               open addressing by the key's identity hash; key 0 free, key 1 deleted. size: live entries; used: and
 *               those that were deleted. next: entries that wait for one key, used during a collection
 *
 * The entries of a table are ephemerons (Hayes, OOPSLA 1997): a value lives only as long as its key and the table do.
 */
import { payloadBytes } from './header'

@unmanaged
export class WeakRef {
  target: usize
  link: usize
}

@unmanaged
export class WeakMap {
  table: usize
  pad: u32
}

@unmanaged
export class WeakTable {
  link: usize
  size: u32
  used: u32
  pad: u32
}

@unmanaged
export class WeakEntry {
  key: usize
  value: usize
  next: usize
}

export const TABLE_HEAD_BYTES: u32 = 16
export const ENTRY_BYTES: u32 = 12
/** In place of a key: the entry was deleted, or its key has died. */
export const DELETED: usize = 1

// @ts-ignore: decorator
@inline
export function tableCapacity(table: usize): u32 {
  return capacityFor(payloadBytes(table))
}

/** Entries of a table with a payload of `bytes`. */
// @ts-ignore: decorator
@inline
export function capacityFor(bytes: u32): u32 {
  return (bytes - TABLE_HEAD_BYTES) / ENTRY_BYTES
}

// @ts-ignore: decorator
@inline
export function weakEntry(table: usize, index: u32): WeakEntry {
  return changetype<WeakEntry>(table + TABLE_HEAD_BYTES + index * ENTRY_BYTES)
}

/** Entry of `key`, whose hash is `hash`, or 0. The capacity is a power of two and at least one entry is free. */
export function findWeakEntry(table: usize, key: usize, hash: u32): WeakEntry {
  const mask = tableCapacity(table) - 1
  let i = hash
  while (true) {
    const entry = weakEntry(table, i & mask)
    if (!entry.key) return changetype<WeakEntry>(0)
    if (entry.key == key) return entry
    i++
  }
}

/** Put an entry for a key that has none into a table with room. */
export function putWeakEntry(table: usize, key: usize, value: usize, hash: u32): WeakEntry {
  const mask = tableCapacity(table) - 1
  let i = hash
  while (weakEntry(table, i & mask).key) i++
  const entry = weakEntry(table, i & mask)
  entry.key = key
  entry.value = value
  entry.next = 0
  changetype<WeakTable>(table).size++
  changetype<WeakTable>(table).used++
  return entry
}
