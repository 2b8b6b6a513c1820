/**
 * The calls of the `embedded` build around what all builds share: arguments are checked, and what finds no room for a
 * table collects and tries once more. So here all of these calls may collect and move; a reference that is an argument
 * is a root meanwhile.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { CAUSE_MEMORY, COLLECT_FULL, ROOT_SLOT, SHAPE_WEAK, TYPE_WEAK_MAP } from '../object-layout'
import { refused, space, typeInfo } from '../object-overlay'
import { heap } from '../overlay'
import { BUFFER_MAX_BYTES, buffer } from '../buffer/buffer-state'
import { takeUserBlock, usableBytes } from '../buffer/blocks'
import { typeOf } from '../object/header'
import { typeAdd as addType, typeText as takeText } from '../object/types'
import { isReference } from '../object/words'
import { finalizerAdd as addFinalizer } from '../root/finalizers'
import { handlePush as pushHandle } from '../root/handles'
import { identityHash as hashOf } from '../root/hashes'
import { rootAdd as addRoot } from '../root/lists'
import { shadowCreate as makeShadow } from '../root/shadow'
import { valuesCreate as makeValues } from '../root/values'
import { weakMapDelete as deleteKey, weakMapGet as valueOf, weakMapHas as hasKey } from '../root/weak-map'
import { objectNew } from './allocate'
import { collectFor } from './embedded'
import { isPlausible } from './embedded-objects'
import { weakMapSet as setKey, weakRefGet as targetOf, weakRefNew as makeWeakRef } from './weak-map-set'

/** Whether a root may hold `value`: no reference, something outside the buffer, or an object. */
function mayHold(value: usize): bool {
  if (!isReference(value) || value < heap().base || value >= heap().end) return true
  return isPlausible(value)
}

/** Whether a word lies at `address`. */
function isWord(address: usize): bool {
  return !(address & 3) && <u64>address + 4 <= <u64>(<u32>memory.size()) << 16
}

/** Collect for want of memory, with `reference` as a root: where it is now. */
function collectKeeping(reference: usize): usize {
  const b = buffer()
  b.kept = reference
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  const now = b.kept
  b.kept = 0
  return now
}

// ---- handles and roots ----------------------------------------------------------------------------------------------

/** A new slot of the innermost scope: its address, 0 when out of memory. */
export function handlePush(reference: usize): usize {
  if (!mayHold(reference)) return refused(STATUS_BAD_ARGUMENT)
  let slot = pushHandle(reference)
  if (!slot) slot = pushHandle(collectKeeping(reference))
  return slot ? slot : refused(STATUS_OUT_OF_MEMORY)
}

/** A zeroed object in a new slot: the slot's address, 0 when refused. */
export function objectPush(type: u32, bytes: u32): usize {
  const reference = objectNew(type, bytes)
  return reference ? handlePush(reference) : 0
}

/** Add a root of `kind`. The slot holds the reference, which may be another one when the call has collected. */
export function rootAdd(kind: u32, value: usize): usize {
  if (kind == ROOT_SLOT) {
    if (!isWord(value)) return refused(STATUS_BAD_ARGUMENT)
  } else if (!mayHold(value)) return refused(STATUS_BAD_ARGUMENT)
  const slot = addRoot(kind, value)
  if (slot || space().status != STATUS_OUT_OF_MEMORY) return slot
  return addRoot(kind, kind == ROOT_SLOT ? collectBefore(value) : collectKeeping(value))
}

/** Collect for want of memory; gives `value`, which is no reference. */
function collectBefore(value: usize): usize {
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  return value
}

/** The values' state, see `root/values.ts`. */
export function valuesCreate(bytes: u32): usize {
  const state = makeValues(bytes)
  if (state || space().status != STATUS_OUT_OF_MEMORY) return state
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  return makeValues(bytes)
}

/** Store a wide value, as in the other builds: here that takes no barrier. BAD_ARGUMENT where none lies. */
export function storeWide(holder: usize, slot: usize, low: u32, high: u32): u32 {
  if (slot & 7 || <u64>slot + 8 > <u64>(<u32>memory.size()) << 16) return STATUS_BAD_ARGUMENT
  store<u64>(slot, <u64>low | (<u64>high << 32))
  return STATUS_OK
}

export function shadowCreate(slots: u32, pinning: bool): u32 {
  const status = makeShadow(slots, pinning)
  if (status != STATUS_OUT_OF_MEMORY) return status
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  return makeShadow(slots, pinning)
}

// ---- types ----------------------------------------------------------------------------------------------------------

export function typeText(bytes: u32): usize {
  const at = takeText(bytes)
  if (at || space().status != STATUS_OUT_OF_MEMORY) return at
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  return takeText(bytes)
}

export function typeAdd(
  textAt: usize,
  textBytes: u32,
  shape: u32,
  trail: u32,
  refs: u32,
  fixedBytes: u32,
  refMask: u32,
  elementBytes: u32,
  elementMask: u32,
): u32 {
  const id = addType(textAt, textBytes, shape, trail, refs, fixedBytes, refMask, elementBytes, elementMask)
  if (id || space().status != STATUS_OUT_OF_MEMORY) return id
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  return addType(textAt, textBytes, shape, trail, refs, fixedBytes, refMask, elementBytes, elementMask)
}

// ---- hashes, finalizers, weak references and maps -------------------------------------------------------------------

export function identityHash(reference: usize): u32 {
  if (!isPlausible(reference)) return refused(STATUS_BAD_ARGUMENT)
  let hash = hashOf(reference)
  if (!hash) hash = hashOf(collectKeeping(reference))
  return hash ? hash : refused(STATUS_OUT_OF_MEMORY)
}

export function finalizerAdd(reference: usize, id: u32): u32 {
  if (!isPlausible(reference)) return STATUS_BAD_ARGUMENT
  const status = addFinalizer(reference, id)
  return status == STATUS_OUT_OF_MEMORY ? addFinalizer(collectKeeping(reference), id) : status
}

export function weakRefNew(slot: usize): usize {
  if (!isWord(slot) || !mayHold(load<usize>(slot))) return refused(STATUS_BAD_ARGUMENT)
  return makeWeakRef(slot)
}

export function weakRefGet(reference: usize): usize {
  if (!isPlausible(reference) || <u32>typeInfo(typeOf(reference)).shape != SHAPE_WEAK) return 0
  return targetOf(reference)
}

/** Set the value of a key: all three in slots. */
export function weakMapSet(mapSlot: usize, keySlot: usize, valueSlot: usize): u32 {
  if (!isWord(mapSlot) || !isWord(keySlot) || !isWord(valueSlot)) return STATUS_BAD_ARGUMENT
  if (!isWeakMap(load<usize>(mapSlot)) || !isPlausible(load<usize>(keySlot))) return STATUS_BAD_ARGUMENT
  if (!mayHold(load<usize>(valueSlot))) return STATUS_BAD_ARGUMENT
  const status = setKey(mapSlot, keySlot, valueSlot)
  if (status != STATUS_OUT_OF_MEMORY) return status
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  return setKey(mapSlot, keySlot, valueSlot)
}

function isWeakMap(reference: usize): bool {
  return isPlausible(reference) && typeOf(reference) == TYPE_WEAK_MAP
}

export function weakMapGet(map: usize, key: usize): usize {
  return isWeakMap(map) && isPlausible(key) ? valueOf(map, key) : 0
}

export function weakMapHas(map: usize, key: usize): bool {
  return isWeakMap(map) && isPlausible(key) && hasKey(map, key)
}

export function weakMapDelete(map: usize, key: usize): bool {
  return isWeakMap(map) && isPlausible(key) && deleteKey(map, key)
}

// ---- blocks ---------------------------------------------------------------------------------------------------------

/** A block of at least `bytes` at a multiple of 8, or 0. */
export function alloc(bytes: u32): usize {
  if (bytes > BUFFER_MAX_BYTES) return 0
  const block = takeUserBlock(bytes)
  if (block) return block
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  return takeUserBlock(bytes)
}

/** The same, with every usable byte zero. */
export function allocZeroed(bytes: u32): usize {
  const block = alloc(bytes)
  if (block) memory.fill(block, 0, usableBytes(block))
  return block
}

/** A slide leaves nothing to sweep. */
export function finishSweep(): void {}
