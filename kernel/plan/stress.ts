/**
 * Stress: collections at every n-th allocation, after every n bytes, or by chance. The mutator then never has room in
 * its hole, so that every allocation comes to the plan.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import { STRESS_ALLOCATIONS, STRESS_BYTES, STRESS_OFF, STRESS_RANDOM } from '../object-layout'
import { space } from '../object-overlay'

// @ts-ignore: decorator
@inline
export function isStressed(): bool {
  return space().stress != STRESS_OFF
}

/** Begin or end stress: `STRESS_…`, its number (at least 1), the seed. */
export function beginStress(kind: u32, number: u32, seed: u32): u32 {
  if (kind > STRESS_RANDOM || (kind != STRESS_OFF && !number)) return STATUS_BAD_ARGUMENT
  const s = space()
  s.stress = kind
  s.stressNumber = number
  s.stressLeft = number
  s.stressState = seed ? seed : 1
  return STATUS_OK
}

/** Whether the allocation of `bytes` is one to collect at. */
export function allocatedUnderStress(bytes: u32): bool {
  const s = space()
  if (s.stress == STRESS_RANDOM) return nextRandom() % s.stressNumber == 0
  const step = s.stress == STRESS_BYTES ? bytes : s.stress == STRESS_ALLOCATIONS ? 1 : 0
  if (s.stressLeft > step) {
    s.stressLeft -= step
    return false
  }
  s.stressLeft = s.stressNumber
  return true
}

/** Marsaglia's xorshift with 32 bits of state. */
function nextRandom(): u32 {
  let x = space().stressState
  x ^= x << 13
  x ^= x >> 17
  x ^= x << 5
  space().stressState = x
  return x
}
