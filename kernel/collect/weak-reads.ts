/** Reading through weak words, and deleting from weak maps, while an incremental cycle may go on. */
import { WeakRef, findWeakEntry, WeakMap } from '../object/weak'
import { isReference } from '../object/words'
import { ROOT_WEAK } from '../object-layout'
import { hashIfAny } from '../root/hashes'
import { isRootSlot } from '../root/lists'
import { weakMapDelete as deleteKey, weakMapGet as valueOf } from '../root/weak-map'
import { isYoung, young } from '../young-overlay'
import { readWeakly, shadeSlot } from './barrier'

/** What a weak reference refers to, 0 when that has died. */
export function weakRefGet(reference: usize): usize {
  return isReference(reference) ? readWeakly(changetype<WeakRef>(reference).target) : 0
}

/** What a weak root, whose slot `rootAdd` gave, refers to; 0 when that has died, and for any other number. */
export function weakRootGet(slot: usize): usize {
  return isRootSlot(ROOT_WEAK, slot) ? readWeakly(load<usize>(slot)) : 0
}

/** Value of `key`, 0 when the map has none. */
export function weakMapGet(map: usize, key: usize): usize {
  return readWeakly(valueOf(map, key))
}

/** Delete the entry of `key`; whether there was one. */
export function weakMapDelete(map: usize, key: usize): bool {
  if (isReference(map) && isReference(key) && young().shading) shadeValue(map, key)
  return deleteKey(map, key)
}

function shadeValue(map: usize, key: usize): void {
  const table = changetype<WeakMap>(map).table
  const hash = hashIfAny(key)
  if (!table || !hash || isYoung(table)) return
  const entry = findWeakEntry(table, key, hash)
  if (changetype<usize>(entry)) shadeSlot(changetype<usize>(entry) + 4)
}
