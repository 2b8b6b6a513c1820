/**
 * Collected objects under the names of include/heapwright.h, which says what each call is for: the calls of
 * docs/objects.md with their arguments checked, since a guest is told by a status and never stopped.
 *
 * What is a reference among the arguments must be one of a live object, or null where that means something: the map is
 * asked (`isObject`). References that a program has stored without a call are its own business, as every store is;
 * `hw_verify` finds them.
 */
import { verifyAll } from '../check/all'
import { nextObject, objectStatus } from '../check/objects'
import { blockAround, codeAround } from '../check/walk'
import { copyReferences, storeReference } from '../collect/barrier'
import { weakMapDelete, weakMapGet, weakRefGet, weakRootGet } from '../collect/weak-reads'
import { CODE_RESERVED, STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import {
  COLLECT_MINOR,
  POLICY_MOVE_ALL,
  ROOT_KINDS,
  ROOT_SLOT,
  SHAPE_WEAK,
  TYPE_MASK,
  TYPE_WEAK_MAP,
} from '../object-layout'
import { refused, space, typeInfo } from '../object-overlay'
import { isImmortal, payloadBytes, typeOf } from '../object/header'
import { isReference } from '../object/words'
import { chunkOf, entryOf, hasHeap, heap } from '../overlay'
import { objectNew } from '../plan/allocate'
import { collect } from '../plan/collect'
import { step } from '../plan/nursery'
import { beginStress } from '../plan/stress'
import { weakMapNew, weakMapSet, weakRefNew } from '../plan/weak-map-set'
import { finalizerAdd, finalizerNext, finalizerRemove } from '../root/finalizers'
import { handlePop, handlePush } from '../root/handles'
import { identityHash } from '../root/hashes'
import { rootAdd, rootRemove } from '../root/lists'
import { areStacksSound, shadowCreate } from '../root/shadow'
import { weakMapHas } from '../root/weak-map'
import { controlBytes } from '../region/control'
import { hasObjects, needObjects } from './begin-objects'
import { HW_STACK_SLOTS } from './guest-layout'

const SLOT_BYTES: u32 = 4
/** What `codeAround` says of memory that is not the heap's. */
const NO_CODE: u32 = 0xffff

/** Whether a live object starts there. Any number may be asked. */
function isObject(reference: usize): bool {
  return hasObjects() && objectStatus(reference) == STATUS_OK
}

/** Whether a root may hold the word: anything but the reference of no object. */
function mayHold(word: usize): bool {
  return !isReference(word) || isObject(word)
}

/** Why the last call on objects that answered 0, or null, did so. */
export function hw_error(): u32 {
  return hasHeap() ? space().status : STATUS_BAD_ARGUMENT
}

// ---- objects --------------------------------------------------------------------------------------------------------

/** A zeroed object when the inlined path has no room, or something does not fit. */
export function hw_new_object(type: u64, bytes: u32): usize {
  if (!needObjects()) return 0
  return objectNew(<u32>type & TYPE_MASK, bytes)
}

/** The write barrier when the inlined path does not do. */
export function hw_store_reference(holder: usize, slot: usize, value: usize): u32 {
  return hasObjects() ? storeReference(holder, slot, value) : STATUS_BAD_ARGUMENT
}

/** The same with everything checked: `slot` is a word of the object `holder`, `value` an object or no reference. */
export function hw_store_checked(holder: usize, slot: usize, value: usize): u32 {
  if (!isObject(holder) || !mayHold(value) || !areWordsOf(holder, slot, 1)) return STATUS_BAD_ARGUMENT
  return storeReference(holder, slot, value)
}

export function hw_copy_references(holder: usize, to: usize, from: usize, count: u32): u32 {
  if (!isObject(holder) || !areWordsOf(holder, to, count)) return STATUS_BAD_ARGUMENT
  return copyReferences(holder, to, from, count)
}

/** Whether `count` words from `slot` on are the object's, which may be written. */
function areWordsOf(holder: usize, slot: usize, count: u32): bool {
  if (isImmortal(holder) || slot & 3 || slot < holder) return false
  return <u64>(slot - holder) + (<u64>count << 2) <= <u64>payloadBytes(holder)
}

export function hw_object_status(reference: usize): u32 {
  return hasObjects() ? objectStatus(reference) : STATUS_BAD_ARGUMENT
}

export function hw_next_object(reference: usize): usize {
  if (!hasObjects() || (reference && !isObject(reference))) return 0
  return nextObject(reference)
}

export function hw_identity_hash(reference: usize): u32 {
  if (!isObject(reference)) return hasObjects() ? refused(STATUS_BAD_ARGUMENT) : 0
  return identityHash(reference)
}

// ---- shadow stacks and roots ----------------------------------------------------------------------------------------

/** A frame of `slots` slots when the inlined path finds no room: there may be no stack yet. */
export function hw_enter_frame(slots: u32, pinning: bool): usize {
  if (!needObjects()) return 0
  const s = space()
  if (!areStacksSound()) return refused(STATUS_BAD_ARGUMENT)
  if (!(pinning ? s.pinBase : s.shadowBase)) {
    const status = shadowCreate(max<u32>(slots, HW_STACK_SLOTS), pinning)
    if (status) return refused(status)
  }
  const top = pinning ? s.pinTop : s.shadowTop
  const room = <u32>((pinning ? s.pinLimit : s.shadowLimit) - top) / SLOT_BYTES
  if (slots > room) return refused(STATUS_OUT_OF_MEMORY)
  memory.fill(top, 0, slots * SLOT_BYTES)
  if (pinning) s.pinTop = top + slots * SLOT_BYTES
  else s.shadowTop = top + slots * SLOT_BYTES
  return top
}

/** A root: `word` is a reference or any other word, for ROOT_SLOT the address of one of the program's own. */
export function hw_root_add(kind: u32, word: usize): usize {
  if (!needObjects()) return 0
  if (kind >= ROOT_KINDS || !(kind == ROOT_SLOT ? isProgramsOwn(word) : mayHold(word))) {
    return refused(STATUS_BAD_ARGUMENT)
  }
  return rootAdd(kind, word)
}

/** Whether an address lies in a live block, or in no memory of the heap: a collection may correct what is there. */
function isProgramsOwn(address: usize): bool {
  if (address - heap().base < controlBytes()) return false
  const entry = entryOf(address)
  if (entry.spanGranules && address < entry.lo && address >= chunkOf(entry).metadataAt) return false
  if (blockAround(address)) return true
  const code = codeAround(address)
  return code == NO_CODE || code == CODE_RESERVED
}

export function hw_root_remove(kind: u32, slot: usize): u32 {
  return hasObjects() ? rootRemove(kind, slot) : STATUS_BAD_ARGUMENT
}

export function hw_weak_root_get(slot: usize): usize {
  return hasObjects() ? weakRootGet(slot) : 0
}

// ---- collections ----------------------------------------------------------------------------------------------------

export function hw_collect(kind: u32): u32 {
  return hasObjects() && kind <= COLLECT_MINOR ? collect(kind) : STATUS_BAD_ARGUMENT
}

export function hw_step(units: u32): u32 {
  return hasObjects() ? step(units) : 0
}

/** `moves`: each collection moves all that may move. */
export function hw_stress(kind: u32, number: u32, seed: u32, moves: bool): u32 {
  if (!needObjects()) return STATUS_BAD_ARGUMENT
  const s = space()
  const status = beginStress(kind, number, seed)
  if (status) return status
  s.policy = moves ? s.policy | POLICY_MOVE_ALL : s.policy & ~POLICY_MOVE_ALL
  // The next allocation asks the plan.
  s.limit = s.bump
  return STATUS_OK
}

export function hw_verify(): u32 {
  return hasHeap() ? verifyAll() : 0
}

export function hw_fault_address(): usize {
  return hasHeap() ? heap().fault : 0
}

// ---- weak references and maps ---------------------------------------------------------------------------------------

export function hw_weak_new(target: usize): usize {
  if (!needObjects()) return 0
  if (target && !isObject(target)) return refused(STATUS_BAD_ARGUMENT)
  const top = space().handleTop
  const slot = handlePush(target)
  if (!slot) return refused(STATUS_OUT_OF_MEMORY)
  const weak = weakRefNew(slot)
  handlePop(top)
  return weak
}

export function hw_weak_get(weak: usize): usize {
  if (!isObject(weak) || <u32>typeInfo(typeOf(weak)).shape != SHAPE_WEAK) return 0
  return weakRefGet(weak)
}

export function hw_weak_map_new(): usize {
  return needObjects() ? weakMapNew() : 0
}

/** Whether `map` is one, and `key` an object. */
function areMapAndKey(map: usize, key: usize): bool {
  return isObject(map) && typeOf(map) == TYPE_WEAK_MAP && isObject(key)
}

export function hw_weak_map_set(map: usize, key: usize, value: usize): u32 {
  if (!areMapAndKey(map, key) || !mayHold(value)) return STATUS_BAD_ARGUMENT
  const top = space().handleTop
  const mapSlot = handlePush(map)
  const keySlot = mapSlot ? handlePush(key) : 0
  const valueSlot = keySlot ? handlePush(value) : 0
  const status = valueSlot ? weakMapSet(mapSlot, keySlot, valueSlot) : STATUS_OUT_OF_MEMORY
  handlePop(top)
  return status
}

export function hw_weak_map_get(map: usize, key: usize): usize {
  return areMapAndKey(map, key) ? weakMapGet(map, key) : 0
}

export function hw_weak_map_has(map: usize, key: usize): bool {
  return areMapAndKey(map, key) && weakMapHas(map, key)
}

export function hw_weak_map_delete(map: usize, key: usize): bool {
  return areMapAndKey(map, key) && weakMapDelete(map, key)
}

// ---- finalizers -----------------------------------------------------------------------------------------------------

export function hw_finalizer_add(reference: usize, id: u32): u32 {
  return isObject(reference) ? finalizerAdd(reference, id) : STATUS_BAD_ARGUMENT
}

export function hw_finalizer_remove(id: u32): bool {
  return hasObjects() && finalizerRemove(id)
}

export function hw_next_finalizer(): u32 {
  return hasObjects() ? finalizerNext() : 0
}
