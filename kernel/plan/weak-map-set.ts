/** Making weak references and weak maps, and setting entries: what may allocate. Objects are given by their slots. */
import { STATUS_BAD_ARGUMENT, STATUS_FOREIGN, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { PHASE_WEAK, TYPE_WEAK_MAP, TYPE_WEAK_REF, TYPE_WEAK_TABLE } from '../object-layout'
import { refused } from '../object-overlay'
import { typeOf } from '../object/header'
import {
  DELETED,
  ENTRY_BYTES,
  TABLE_HEAD_BYTES,
  WeakEntry,
  WeakMap,
  WeakRef,
  WeakTable,
  findWeakEntry,
  putWeakEntry,
  tableCapacity,
  weakEntry,
} from '../object/weak'
import { isReference } from '../object/words'
import { hashIfAny, identityHash } from '../root/hashes'
import { isMarked, shadeSlot, storeReference, storedEntry } from '../collect/barrier'
import { noteTable } from '../collect/weak'
import { isForeign } from '../object/owners'
import { isYoung, young } from '../young-overlay'
import { allocateObject } from './allocate'

const FIRST_ENTRIES: u32 = 8
const ENTRIES_MAX: u32 = 1 << 26

/** A weak reference to the object in `slot`, or to null: no other word is ever weak. */
export function weakRefNew(slot: usize): usize {
  if (load<usize>(slot) && !isReference(load<usize>(slot))) return refused(STATUS_BAD_ARGUMENT)
  if (isForeign(load<usize>(slot))) return refused(STATUS_FOREIGN)
  const weak = allocateObject(TYPE_WEAK_REF, sizeof<usize>() * 2)
  if (weak) changetype<WeakRef>(weak).target = load<usize>(slot)
  return weak
}

/** What a weak reference refers to, 0 when that has died: in `embedded`, where nothing goes on between calls. */
export function weakRefGet(reference: usize): usize {
  return reference ? changetype<WeakRef>(reference).target : 0
}

export function weakMapNew(): usize {
  return allocateObject(TYPE_WEAK_MAP, 8)
}

/** Set the value of a key, any word. OUT_OF_MEMORY leaves the map as it was. */
export function weakMapSet(mapSlot: usize, keySlot: usize, valueSlot: usize): u32 {
  if (!isReference(load<usize>(mapSlot)) || !isReference(load<usize>(keySlot))) return STATUS_BAD_ARGUMENT
  if (isForeign(load<usize>(mapSlot)) || isForeign(load<usize>(keySlot)) || isForeign(load<usize>(valueSlot))) {
    return STATUS_FOREIGN
  }
  if (typeOf(load<usize>(mapSlot)) != TYPE_WEAK_MAP) return STATUS_BAD_ARGUMENT
  const hash = identityHash(load<usize>(keySlot))
  if (!hash) return STATUS_OUT_OF_MEMORY
  let table = tableOf(mapSlot)
  if (table) {
    const entry = findWeakEntry(table, load<usize>(keySlot), hash)
    if (changetype<usize>(entry)) {
      shadeWord(table, changetype<usize>(entry) + 4)
      entry.value = load<usize>(valueSlot)
      stored(table, entry)
      return STATUS_OK
    }
  }
  if (!table || isFull(table)) {
    if (!growTable(mapSlot)) return STATUS_OUT_OF_MEMORY
    table = tableOf(mapSlot)
  }
  stored(table, putWeakEntry(table, load<usize>(keySlot), load<usize>(valueSlot), hash))
  return STATUS_OK
}

// ---- barriers, of which `embedded` has none ---------------------------------------------------------------------------

/** A word of `holder` is about to be overwritten. */
// @ts-ignore: decorator
@inline
function shadeWord(holder: usize, slot: usize): void {
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) {
    if (!isYoung(holder)) shadeSlot(slot)
  }
}

/** An entry of `table` has been written. */
// @ts-ignore: decorator
@inline
function stored(table: usize, entry: WeakEntry): void {
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) storedEntry(table, changetype<usize>(entry))
}

/** A table that is born old is marked, and so never scanned; while marking goes on it must be known all the same. */
// @ts-ignore: decorator
@inline
function noteTableOfCycle(table: usize): void {
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) {
    if (young().shading && !isYoung(table)) noteTable(table)
  }
}

/** Let `map` have another table. */
// @ts-ignore: decorator
@inline
function setTable(map: usize, table: usize): void {
  // @ts-ignore: set by --use
  if (HW_EMBEDDED) changetype<WeakMap>(map).table = table
  else storeReference(map, map, table)
}

/** Whether a key of an old table lives still: while weak words are put right some that do not may be there. */
// @ts-ignore: decorator
@inline
function isAlive(key: usize): bool {
  // @ts-ignore: set by --use
  return HW_EMBEDDED || young().phase != PHASE_WEAK || isMarked(key)
}

// @ts-ignore: decorator
@inline
function tableOf(mapSlot: usize): usize {
  return changetype<WeakMap>(load<usize>(mapSlot)).table
}

/** A quarter stays free, so that every search ends. */
function isFull(table: usize): bool {
  const capacity = tableCapacity(table)
  return changetype<WeakTable>(table).used + 1 > capacity - (capacity >> 2)
}

/** A table without deleted entries, twice as long when half of it is live. */
function growTable(mapSlot: usize): bool {
  const before = tableOf(mapSlot)
  let capacity = FIRST_ENTRIES
  if (before) {
    capacity = tableCapacity(before)
    if (changetype<WeakTable>(before).size >= capacity >> 1) capacity <<= 1
  }
  if (capacity > ENTRIES_MAX) return false
  const table = allocateObject(TYPE_WEAK_TABLE, TABLE_HEAD_BYTES + capacity * ENTRY_BYTES)
  if (!table) return false
  // The old table may have moved, and entries may have died.
  const old = tableOf(mapSlot)
  if (old) copyEntries(old, table)
  noteTableOfCycle(table)
  setTable(load<usize>(mapSlot), table)
  return true
}

function copyEntries(from: usize, to: usize): void {
  const capacity = tableCapacity(from)
  for (let i: u32 = 0; i < capacity; i++) {
    const entry = weakEntry(from, i)
    if (entry.key <= DELETED || !isAlive(entry.key)) continue
    stored(to, putWeakEntry(to, entry.key, entry.value, hashIfAny(entry.key)))
  }
}
