/**
 * Allocation of counted objects: type and size are checked, a block is taken, the header written, the payload zeroed.
 * Before that come steps of the cycle collector when there are many candidates, and stress; when memory lacks, a full
 * collection if there is anything that it could find.
 */
import { alloc } from '../block/alloc'
import { STATUS_BAD_ARGUMENT, STATUS_OUT_OF_MEMORY } from '../layout'
import {
  CAUSE_MEMORY,
  CAUSE_STRESS,
  COLLECT_FULL,
  KNOB_UNIT_STEPS,
  OBJECT_MAX_BYTES,
  SHAPE_WEAK,
} from '../object-layout'
import { refused, space, typeInfo } from '../object-overlay'
import { heap, knob } from '../overlay'
import { isKnownType, sizeFits } from '../object/types'
import { allocatedUnderStress, isStressed } from '../plan/stress'
import { handlePush as pushSlot } from '../root/handles'
import { COUNTED_HEADER_BYTES, COUNT_ONE, TYPE_COUNTED_BYTES } from '../value-layout'
import { collectFor, hasSuspects, step } from './cycles'
import { countedBytesFor, signOf } from './header'
import { decrement } from './release'
import { counted } from './state'

/** Payloads up to this are zeroed word by word. */
const ZEROED_BYTES: u32 = 128

/** A zeroed object of `type` with a payload of `bytes` and a count of 1, the caller's. 0 when refused. */
export function objectNew(type: u32, bytes: u32): usize {
  if (!heap().space) return 0
  if (!isKnownType(type)) return refused(STATUS_BAD_ARGUMENT)
  const info = typeInfo(type)
  // Weak references and the tables of weak maps need a collector that traces.
  if (<u32>info.shape - SHAPE_WEAK < 2) return refused(STATUS_BAD_ARGUMENT)
  if (bytes != info.fixedBytes && !sizeFits(info, bytes)) return refused(STATUS_BAD_ARGUMENT)
  return allocateCounted(type, bytes)
}

/** `bytes` zeroed bytes with a count of 1, the caller's. 0 when refused. */
export function refcountedNew(bytes: u32): usize {
  return heap().space ? allocateCounted(TYPE_COUNTED_BYTES, bytes) : 0
}

/** An object of a type and a size that are known to fit. */
function allocateCounted(type: u32, bytes: u32): usize {
  if (bytes > OBJECT_MAX_BYTES) return refused(STATUS_OUT_OF_MEMORY)
  const total = countedBytesFor(bytes)
  const s = space()
  if (counted().isDue | s.stress) beforeAllocation(total)
  let block = alloc(total)
  if (!block) {
    block = allocAfterCollection(total)
    if (!block) return refused(STATUS_OUT_OF_MEMORY)
  }
  store<u32>(block, signOf(block))
  store<u32>(block, COUNT_ONE, 4)
  store<u64>(block, 0, 8)
  store<u64>(block, <u64>type | (<u64>bytes << 32), 16)
  const reference = block + COUNTED_HEADER_BYTES
  if (total <= ZEROED_BYTES) for (let at = reference; at < block + total; at += 8) store<u64>(at, 0)
  else memory.fill(reference, 0, total - COUNTED_HEADER_BYTES)
  s.liveObjects++
  s.liveBytes += total
  return reference
}

function beforeAllocation(bytes: u32): void {
  if (isStressed() && allocatedUnderStress(bytes)) {
    if (knob(KNOB_UNIT_STEPS)) step(1)
    else collectFor(COLLECT_FULL, CAUSE_STRESS)
  }
  if (counted().isDue) step(0)
}

function allocAfterCollection(bytes: u32): usize {
  if (!hasSuspects()) return 0
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  return alloc(bytes)
}

/** The same in a new handle slot, which owns it: the slot's address, 0 when refused. */
export function objectPush(type: u32, bytes: u32): usize {
  const reference = objectNew(type, bytes)
  if (!reference) return 0
  let slot = pushSlot(reference)
  if (!slot && hasSuspects()) {
    collectFor(COLLECT_FULL, CAUSE_MEMORY)
    slot = pushSlot(reference)
  }
  if (slot) return slot
  decrement(reference)
  return refused(STATUS_OUT_OF_MEMORY)
}
