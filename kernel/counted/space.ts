/**
 * Making the object space of a `manual` heap. The heap was made without one, so the space is a piece of it, made when
 * objects are first wanted; the control block has its address.
 *
 * `reset` of whatever build drops it with everything else.
 */
import { FLAG_BUMP, FLAG_COUNTED, FLAG_OBJECTS, STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { SHAPE_LEAF, TRAIL_BYTES } from '../object-layout'
import { space } from '../object-overlay'
import { heap } from '../overlay'
import { tableAlloc, tableFree } from '../object/memory'
import { makeBuiltInTypes, typeAdd as addType, typeText as makeText } from '../object/types'
import { beginStress } from '../plan/stress'
import { shadowCreate as makeStack } from '../root/shadow'
import { valuesCreate as makeValues } from '../root/values'
import { CANDIDATES_THRESHOLD, SPACE_COUNTED_BYTES, TRIAL_UNITS, TYPE_COUNTED_BYTES } from '../value-layout'
import { hasEnough } from './candidates'
import { counted } from './state'

const COOKIE_FACTOR: u32 = 0x9e3779b1

/** Make the object space of a heap without one, with `POLICY_…`, of which none changes anything here. */
export function spaceCreate(policy: u32): u32 {
  const h = heap()
  if (h.space || h.flags & (FLAG_OBJECTS | FLAG_BUMP)) return STATUS_BAD_ARGUMENT
  const at = tableAlloc(SPACE_COUNTED_BYTES)
  if (!at) return STATUS_OUT_OF_MEMORY
  memory.fill(at, 0, SPACE_COUNTED_BYTES)
  h.space = at
  space().policy = policy
  // Objects of before a reset must not look like those of after it.
  counted().cookie = ((<u32>at ^ (h.generation << 16)) * COOKIE_FACTOR) | 1
  counted().most = u32.MAX_VALUE
  setThreshold(CANDIDATES_THRESHOLD, TRIAL_UNITS)
  const isMade = makeBuiltInTypes() && addType(0, 0, SHAPE_LEAF, TRAIL_BYTES, 0, 0, 0, 1, 0) == TYPE_COUNTED_BYTES
  if (!isMade) {
    tableFree(space().types)
    h.space = 0
    tableFree(at)
    return STATUS_OUT_OF_MEMORY
  }
  h.flags |= FLAG_COUNTED
  return STATUS_OK
}

export function setPolicy(policy: u32): void {
  if (heap().space) space().policy = policy
}

/** From so many candidates on allocations take steps of `units`, 0 for what is usual. 0 candidates: they never do. */
export function setThreshold(candidates: u32, units: u32): void {
  if (!heap().space) return
  const c = counted()
  c.threshold = candidates
  c.stepUnits = units ? units : TRIAL_UNITS
  c.dueAt = candidates
  c.isDue = <u32>hasEnough()
}

// ---- calls of the lower floors, which take the space for granted --------

/** The zeroed words of the values' state, made at the first call: their address, 0 when refused. */
export function valuesCreate(bytes: u32): usize {
  return heap().space ? makeValues(bytes) : 0
}

export function setStress(kind: u32, number: u32, seed: u32): u32 {
  return heap().space ? beginStress(kind, number, seed) : STATUS_BAD_ARGUMENT
}

export function shadowCreate(slots: u32, pinning: bool): u32 {
  return heap().space ? makeStack(slots, pinning) : STATUS_BAD_ARGUMENT
}

export function typeText(bytes: u32): usize {
  return heap().space ? makeText(bytes) : 0
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
  if (!heap().space) return 0
  return addType(textAt, textBytes, shape, trail, refs, fixedBytes, refMask, elementBytes, elementMask)
}

/** There is nothing to sweep. */
export function finishSweep(): void {}
