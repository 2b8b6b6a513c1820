/** Weak maps: looking up and deleting. Setting may allocate and is the plan's (`plan/weak-map-set.ts`). */
import { DELETED, WeakMap, WeakTable, findWeakEntry } from '../object/weak'
import { isReference } from '../object/words'
import { hashIfAny } from './hashes'

/** Whether there may be an entry: a word that is no reference is no key. */
// @ts-ignore: decorator
@inline
function mayHave(map: usize, key: usize): bool {
  return isReference(map) && isReference(key)
}

/** Value of `key`, 0 when the map has none. */
export function weakMapGet(map: usize, key: usize): usize {
  if (!mayHave(map, key)) return 0
  const table = changetype<WeakMap>(map).table
  const hash = hashIfAny(key)
  if (!table || !hash) return 0
  const entry = findWeakEntry(table, key, hash)
  return changetype<usize>(entry) ? entry.value : 0
}

export function weakMapHas(map: usize, key: usize): bool {
  if (!mayHave(map, key)) return false
  const table = changetype<WeakMap>(map).table
  const hash = hashIfAny(key)
  return table != 0 && hash != 0 && changetype<usize>(findWeakEntry(table, key, hash)) != 0
}

/** Delete the entry of `key`; whether there was one. */
export function weakMapDelete(map: usize, key: usize): bool {
  if (!mayHave(map, key)) return false
  const table = changetype<WeakMap>(map).table
  const hash = hashIfAny(key)
  if (!table || !hash) return false
  const entry = findWeakEntry(table, key, hash)
  if (!changetype<usize>(entry)) return false
  entry.key = DELETED
  entry.value = 0
  changetype<WeakTable>(table).size--
  return true
}
