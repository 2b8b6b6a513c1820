/**
 * What a collection does for weak references, weak maps and finalizers, the same for every collector. `M` is the
 * collector's marker, an unmanaged class with
 *
 *   visit(slot)           mark the object in the slot, move it if that is due, correct the slot
 *   survivor(reference)   where the object is now, 0 when it is not marked
 *   drainWatching()       scan until nothing is grey, calling `wake` for every object with an identity hash
 *
 * Ephemerons end in time linear in their number: an entry whose key is not marked yet waits at the key's entry in the
 * table of identity hashes (every key has one), and is looked at again only when the key is scanned. (The idea of
 * waiting at the key: Barros and Ierusalimschy, JUCS 14(21), 2008.)
 */
import { ROOT_WEAK } from '../object-layout'
import { space } from '../object-overlay'
import { DELETED, WeakEntry, WeakRef, WeakTable, tableCapacity, weakEntry } from '../object/weak'
import { updateFinalizers } from '../root/finalizers'
import { findHash, updateHashes } from '../root/hashes'
import { visitList } from '../root/lists'

/** Ends the entries that wait for one key, so that the `next` of an entry that waits is never 0. */
const LAST: usize = 1

export function beginWeak(): void {
  const s = space()
  s.weakList = 0
  s.tableList = 0
  s.tablesSeen = 0
}

/** A weak reference was scanned. */
export function noteWeakRef(reference: usize): void {
  changetype<WeakRef>(reference).link = space().weakList
  space().weakList = reference
}

/** A weak map's table was scanned. */
export function noteTable(table: usize): void {
  changetype<WeakTable>(table).link = space().tableList
  space().tableList = table
}

/**
 * An object with an identity hash was scanned, or is about to move away from `reference`: the values of its entries
 * live.
 */
export function wake<M>(reference: usize): void {
  const found = findHash(reference)
  if (!changetype<usize>(found)) return
  let waiting = found.pending
  found.pending = 0
  while (waiting > LAST) {
    const entry = changetype<WeakEntry>(waiting)
    waiting = entry.next
    entry.next = 0
    changetype<M>(0).visit(changetype<usize>(entry) + 4)
  }
}

/** Mark what only entries with live keys keep. Everything else that lives is marked and scanned. */
export function markEphemerons<M>(): void {
  const s = space()
  while (s.tableList) {
    while (s.tableList) {
      const table = s.tableList
      s.tableList = changetype<WeakTable>(table).link
      changetype<WeakTable>(table).link = s.tablesSeen
      s.tablesSeen = table
      markEntries<M>(table)
    }
    changetype<M>(0).drainWatching()
  }
}

function markEntries<M>(table: usize): void {
  const capacity = tableCapacity(table)
  for (let i: u32 = 0; i < capacity; i++) markEntry<M>(weakEntry(table, i))
}

/** Visit the value of an entry whose key lives; let others wait for their keys. */
export function markEntry<M>(entry: WeakEntry): void {
  const key = entry.key
  if (key <= DELETED || entry.next) return
  if (changetype<M>(0).survivor(key)) changetype<M>(0).visit(changetype<usize>(entry) + 4)
  else {
    const waiting = findHash(key)
    entry.next = waiting.pending ? waiting.pending : LAST
    waiting.pending = changetype<usize>(entry)
  }
}

/** After all marking: clear what refers weakly to the dead, correct the rest, make finalizers ready. */
export function finishWeak<M>(): void {
  const s = space()
  for (let reference = s.weakList; reference; ) {
    const weak = changetype<WeakRef>(reference)
    reference = weak.link
    weak.link = 0
    weak.target = changetype<M>(0).survivor(weak.target) as usize
  }
  for (let table = s.tablesSeen; table; ) {
    const next = changetype<WeakTable>(table).link
    changetype<WeakTable>(table).link = 0
    finishTable<M>(table)
    table = next
  }
  beginWeak()
  visitList<WeakRoot<M>>(ROOT_WEAK)
  updateFinalizers<M>()
  updateHashes<M>()
}

export function finishTable<M>(table: usize): void {
  const capacity = tableCapacity(table)
  for (let i: u32 = 0; i < capacity; i++) finishEntry<M>(table, weakEntry(table, i))
}

/** Correct the key of an entry, or delete the entry when its key has died. */
export function finishEntry<M>(table: usize, entry: WeakEntry): void {
  entry.next = 0
  if (entry.key <= DELETED) return
  const key = changetype<M>(0).survivor(entry.key) as usize
  if (key) entry.key = key
  else {
    entry.key = DELETED
    entry.value = 0
    changetype<WeakTable>(table).size--
  }
}

@unmanaged
@final
export class WeakRoot<M> {
  visit(slot: usize): void {
    store<usize>(slot, changetype<M>(0).survivor(load<usize>(slot)) as usize)
  }
}
