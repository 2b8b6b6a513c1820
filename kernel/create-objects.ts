/** The object space of a heap: making it, and making it anew after everything was freed. */
import { reset } from './create'
import { FLAG_OBJECTS, STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from './layout'
import { MAP_ALWAYS, MAP_COLOUR_A, POLICY_INCREMENTAL, SPACE_ALL_BYTES } from './object-layout'
import { makeMarkStack } from './collect/mark'
import { plan } from './collect/plan-state'
import { finishSweep } from './collect/sweep'
import { alwaysMarked, space, spaceAt } from './object-overlay'
import { makeBuiltInTypes } from './object/types'
import { heap } from './overlay'
import { beginNursery } from './plan/nursery'
import { nextBudget } from './plan/pacing'
import { hasNursery, young } from './young-overlay'

/** Make the object space of a new heap, with `POLICY_…`. */
export function spaceCreate(policy: u32): u32 {
  if (heap().space) return STATUS_BAD_ARGUMENT
  return makeSpace(policy)
}

function makeSpace(policy: u32): u32 {
  heap().space = 0
  memory.fill(spaceAt(), 0, SPACE_ALL_BYTES)
  store<u8>(alwaysMarked(), <u8>MAP_ALWAYS)
  const s = space()
  s.policy = policy
  s.colour = MAP_COLOUR_A
  s.budgetBytes = nextBudget()
  if (!makeBuiltInTypes() || !makeMarkStack()) return STATUS_OUT_OF_MEMORY
  heap().space = spaceAt()
  heap().flags |= FLAG_OBJECTS
  return STATUS_OK
}

/** Free everything: blocks, objects, types, roots. Stress goes on. Not while a collection runs. */
export function resetWithObjects(): void {
  if (heap().space && plan().isCollecting) return
  reset()
  heap().objectBytes = 0
  if (!heap().space) return
  const s = space()
  const policy = s.policy
  const kind = s.stress
  const number = s.stressNumber
  const state = s.stressState
  const y = young()
  const hadNursery = hasNursery()
  const wanted = y.wanted
  const oldStart = y.oldStart
  const stepUnits = y.stepUnits
  makeSpace(policy)
  if (hadNursery) beginNursery(wanted, oldStart, stepUnits)
  s.stress = kind
  s.stressNumber = number
  s.stressLeft = number
  s.stressState = state
}

export function setPolicy(policy: u32): void {
  // Cycles begin with everything swept.
  if (heap().space && policy & POLICY_INCREMENTAL) finishSweep()
  space().policy = policy
}
