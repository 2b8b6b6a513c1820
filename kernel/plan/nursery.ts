/**
 * The plans with a nursery. In both, objects are born young and promoted by minor collections; they differ in how old
 * objects are collected:
 *
 *   `runtime`   in full, straight after a minor collection, when enough has become old
 *   `server`    in incremental cycles: a step for every quantum of the nursery that is handed out while a cycle goes on
 *
 *   refill    the next stretch of the nursery, then a minor collection
 *   barrier   collect/barrier.ts
 *   collect   minor: below; full and compact: full.ts
 *   verify    check/objects.ts, check/young.ts, check/cycle.ts
 *
 * Objects too long for blocks are born old.
 */
import { hostReport } from '../host'
import { FLAG_INCREMENTAL, FLAG_NURSERY, STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import {
  CAUSE_BUDGET,
  CAUSE_MEMORY,
  CAUSE_NURSERY,
  CAUSE_REQUEST,
  CAUSE_STRESS,
  COLLECT_COMPACT,
  COLLECT_FULL,
  COLLECT_STEP,
  KNOB_EVACUATION_FAILS,
  KNOB_UNIT_STEPS,
  OBJECT_SMALL_MAX_BYTES,
  PHASE_DUE,
  POLICY_INCREMENTAL,
  REPORT_COLLECT_BEGIN,
  REPORT_COLLECT_END,
} from '../object-layout'
import { space } from '../object-overlay'
import { heap, knob } from '../overlay'
import { areStacksSound } from '../root/shadow'
import { hasNursery, young } from '../young-overlay'
import { beginCycle, isCycling, stepCycle } from '../collect/cycle'
import { allocLargeObject, largeMapOf } from '../collect/large'
import { collectNursery } from '../collect/minor'
import { FIRST_NURSERY_BYTES, NURSERY_MIN_BYTES, makeNursery, nextStretch, openNursery } from '../collect/nursery'
import { plan } from '../collect/plan-state'
import { keepReserve } from '../collect/promote'
import { dropLog, isMinorDue, makeLog } from '../collect/remembered'
import { collectFor } from './full'
import { nextBudget } from './pacing'
import { allocatedUnderStress, isStressed } from './stress'

/** Bytes of the nursery handed out between two steps, at most and at least. */
const QUANTUM_BYTES: u32 = 32 << 10
const QUANTUM_MIN_BYTES: u32 = 4 << 10
const UNITS_MIN: u32 = 256
/**
 * Cycles after a request that found no memory. What was reachable when the first one began is garbage for the second;
 * what it kept in a nursery that could not be emptied, for the third.
 */
const CYCLES_DUE: u32 = 3
export const NURSERY_MAX_BYTES: u32 = 64 << 20
/** Of 256 bytes: a guess until the first minor collection. */
const FIRST_SURVIVAL: u32 = 64
/** Of every 8 collections under stress one is full. */
const STRESS_TURNS: u32 = 8

// @ts-ignore: decorator
@inline
function isIncremental(): bool {
  return (space().policy & POLICY_INCREMENTAL) != 0
}

// ---- allocation ----------------------------------------------------------------------------------------------------

/** Room for an object that takes `bytes`, when what the mutator was lent has none. 0 when out of memory. */
export function allocateWithNursery(bytes: u32): usize {
  if (plan().isCollecting) return 0
  if (isStressed() && allocatedUnderStress(bytes)) collectUnderStress()
  if (bytes > OBJECT_SMALL_MAX_BYTES) return allocateOld(bytes)
  let at = bumpYoung(bytes)
  if (at) return at
  // Another minor collection would find no more room than the last one.
  if (young().refusing && wantsRoom()) return 0
  minorFor(CAUSE_NURSERY)
  at = bumpYoung(bytes)
  if (at) return at
  // What fills the nursery found no room in the old space.
  if (!mayCollect()) return 0
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  minorFor(CAUSE_MEMORY)
  at = bumpYoung(bytes)
  if (at) return at
  collectFor(COLLECT_COMPACT, CAUSE_MEMORY)
  minorFor(CAUSE_MEMORY)
  return bumpYoung(bytes)
}

/** Bump in what is left of the nursery; 0 when that is not enough, or a minor collection is due. */
function bumpYoung(bytes: u32): usize {
  const s = space()
  const p = plan()
  if (isIncremental() && isCycling()) assist()
  while (!isMinorDue()) {
    const at = s.bump
    if (bytes <= p.heldLimit - at) {
      s.bump = at + bytes
      lend()
      return at
    }
    if (!nextStretch()) return 0
  }
  return 0
}

/** Lend the mutator what it may bump through without coming here. */
function lend(): void {
  const s = space()
  const limit = plan().heldLimit
  if (isStressed()) s.limit = s.bump
  else if (isCycling()) s.limit = min(limit, s.bump + young().quantum)
  else s.limit = limit
}

/** A large object, which is old from the start. */
function allocateOld(bytes: u32): usize {
  const s = space()
  if (isIncremental()) pace(bytes)
  else if (s.allocatedBytes + bytes > s.budgetBytes && s.allocatedBytes) collectFor(COLLECT_FULL, CAUSE_BUDGET)
  let at = takeOld(bytes)
  if (at || !mayCollect()) return at
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  at = takeOld(bytes)
  if (at) return at
  collectFor(COLLECT_COMPACT, CAUSE_MEMORY)
  return takeOld(bytes)
}

function takeOld(bytes: u32): usize {
  const s = space()
  const y = young()
  const at = allocLargeObject(bytes)
  if (!at) return 0
  const map = largeMapOf(at)
  store<u8>(map, <u8>(<u32>load<u8>(map) | s.colour))
  s.allocatedBytes += bytes
  y.oldBytes += bytes
  y.bornBytes += bytes
  y.bornObjects++
  return at
}

/**
 * Whether a request that found no memory may be met by a full collection. Not when those take more than half of the
 * time; and in `server` only one that fits a step, or else the request is answered with out of memory instead of a
 * long pause, and the cycle goes a step further.
 */
export function mayCollect(): bool {
  if (young().refusing) return false
  if (!isIncremental() || workOf(young().oldBytes) <= young().stepUnits) return true
  if (!isCycling()) beginCycleFor(CAUSE_MEMORY)
  young().cyclesDue = CYCLES_DUE
  stepFor(young().stepUnits, CAUSE_MEMORY)
  return false
}

// ---- minor collections ---------------------------------------------------------------------------------------------

/** Collect the nursery, and then whatever is due. */
function minorFor(cause: u32): void {
  const s = space()
  if (!areStacksSound()) return
  if (isIncremental()) {
    if (!isCycling() && isCycleDue(0)) beginCycleFor(CAUSE_BUDGET)
    else collectNursery(false, cause)
    return
  }
  collectNursery(false, cause)
  if (s.allocatedBytes >= s.budgetBytes) collectFor(COLLECT_FULL, CAUSE_BUDGET)
  else if (wantsRoom() && mayCollect()) {
    collectFor(COLLECT_FULL, CAUSE_MEMORY)
    collectNursery(false, CAUSE_MEMORY)
  }
}

/** Whether survivors of the last minor collection found no room in the old space. */
function wantsRoom(): bool {
  return young().lacksRoom != 0 && !knob(KNOB_EVACUATION_FAILS)
}

/** Collect the nursery because somebody asked for it. */
export function collectMinor(): u32 {
  if (!hasNursery()) return STATUS_BAD_ARGUMENT
  collectNursery(false, CAUSE_REQUEST)
  return STATUS_OK
}

// ---- incremental cycles --------------------------------------------------------------------------------------------

/**
 * A cycle begins when half of the budget is used up: the other half is for what is allocated while it goes on. And
 * after a request that found no memory while one went on: what was dropped since then is garbage for the next.
 */
function isCycleDue(bytes: u32): bool {
  const s = space()
  if (young().cyclesDue) return true
  return <u64>s.allocatedBytes + bytes >= <u64>(s.budgetBytes >> 1)
}

/** Begin a cycle; the minor collection in front of it is done here. */
function beginCycleFor(cause: u32): void {
  const s = space()
  if (!areStacksSound()) return
  s.cause = cause
  if (young().cyclesDue) young().cyclesDue--
  plan().isCollecting = 1
  hostReport(REPORT_COLLECT_BEGIN, cause | (COLLECT_STEP << 8))
  collectNursery(true, cause)
  if (!wantsRoom()) young().cyclesDue = 0
  beginCycle()
  young().quantum = QUANTUM_BYTES
  plan().isCollecting = 0
  hostReport(REPORT_COLLECT_END, COLLECT_STEP)
}

function stepFor(units: u32, cause: u32): void {
  if (!areStacksSound()) return
  plan().isCollecting = 1
  hostReport(REPORT_COLLECT_BEGIN, cause | (COLLECT_STEP << 8))
  stepCycle(knob(KNOB_UNIT_STEPS) ? 1 : units)
  plan().isCollecting = 0
  if (!isCycling()) endCycle()
  hostReport(REPORT_COLLECT_END, COLLECT_STEP)
}

/** A new budget, counted from the cycle's end; and memory kept back again for the end of the next one. */
function endCycle(): void {
  const s = space()
  young().cap = u32.MAX_VALUE
  s.allocatedBytes = 0
  s.budgetBytes = nextBudget()
  keepReserve()
}

/** Units that the marking and sweeping of `bytes` of old objects take, roughly. */
function workOf(bytes: u32): u32 {
  return (bytes >> 3) + (bytes >> 10)
}

/** The step that goes with the next quantum: so much that the cycle ends before the budget does. */
function assist(): void {
  const s = space()
  const y = young()
  const total = workOf(y.cycleBytes)
  const left = max<u32>(total > y.cycleUnits ? total - y.cycleUnits : 0, total >> 4)
  const room = s.budgetBytes > s.allocatedBytes ? s.budgetBytes - s.allocatedBytes : 0
  // Bytes of the nursery until the room is used up, by what has survived lately.
  const bytes = (<u64>max<u32>(room, s.budgetBytes >> 4) << 8) / max<u32>(y.survival, 16)
  const wanted = (<u64>left * QUANTUM_BYTES) / max<u64>(bytes, 1)
  const isTight = <u64>heap().committedBytes * 8 > <u64>heap().limitBytes * 7
  const most = isTight ? y.stepUnits : min<u32>(y.stepUnits, QUANTUM_BYTES >> 2)
  const units = <u32>min<u64>(max<u64>(wanted, UNITS_MIN), most)
  y.quantum = wanted > most ? max<u32>(QUANTUM_MIN_BYTES, <u32>((<u64>QUANTUM_BYTES * most) / wanted)) : QUANTUM_BYTES
  if (!isTight) y.quantum = max(y.quantum, QUANTUM_BYTES >> 1)
  stepFor(units, CAUSE_BUDGET)
}

/** The same for `bytes` that are born old. */
function pace(bytes: u32): void {
  if (!isCycling()) {
    if (isCycleDue(bytes) && space().allocatedBytes) beginCycleFor(CAUSE_BUDGET)
    return
  }
  stepFor(min<u32>(young().stepUnits, max<u32>(UNITS_MIN, bytes >> 2)), CAUSE_BUDGET)
}

/**
 * Go on with the cycle by at most about `units`, which 0 leaves to the heap; begin one when a quarter of the budget is
 * used up, or a request found no memory. The phase afterwards, `PHASE_…`; 0 as well without incremental cycles.
 */
export function step(units: u32): u32 {
  if (!heap().space || !hasNursery() || !isIncremental() || plan().isCollecting || !areStacksSound()) return 0
  if (!isCycling()) {
    if (young().cyclesDue || space().allocatedBytes >= space().budgetBytes >> 2) beginCycleFor(CAUSE_REQUEST)
  } else stepFor(units ? units : young().stepUnits, CAUSE_REQUEST)
  return !isCycling() && young().cyclesDue ? PHASE_DUE : young().phase
}

// ---- stress --------------------------------------------------------------------------------------------------------

/** Of all kinds in turn. */
function collectUnderStress(): void {
  if (!areStacksSound()) return
  const turn = young().stressCount++ % STRESS_TURNS
  if (turn == STRESS_TURNS - 1) collectFor(COLLECT_FULL, CAUSE_STRESS)
  else if (isIncremental() && isCycling()) stepFor(1 << (turn << 1), CAUSE_STRESS)
  else if (isIncremental() && turn == 1) beginCycleFor(CAUSE_STRESS)
  else collectNursery(turn == 2, CAUSE_STRESS)
}

// ---- making -------------------------------------------------------------------------------------------------------

/**
 * Make the nursery of a new object space.
 *
 * @param youngBytes a power of two from 32 KiB on
 * @param oldBytes what the old space may have before the first full collection
 * @param stepUnits most work units of a step
 */
export function nurseryCreate(youngBytes: u32, oldBytes: u32, stepUnits: u32): u32 {
  const p = plan()
  if (!heap().space || hasNursery() || p.isCollecting || p.blocks || space().large || space().collections) {
    return STATUS_BAD_ARGUMENT
  }
  if (youngBytes < NURSERY_MIN_BYTES || youngBytes > NURSERY_MAX_BYTES || popcnt(youngBytes) != 1 || !stepUnits) {
    return STATUS_BAD_ARGUMENT
  }
  if (!beginNursery(youngBytes, oldBytes, stepUnits)) return STATUS_OUT_OF_MEMORY
  heap().flags |= FLAG_NURSERY | (isIncremental() ? FLAG_INCREMENTAL : 0)
  return STATUS_OK
}

/** The same for a heap that has been emptied. Without memory for it there is none, and objects are born old. */
export function beginNursery(youngBytes: u32, oldBytes: u32, stepUnits: u32): bool {
  const y = young()
  y.wanted = youngBytes
  y.oldStart = oldBytes
  y.stepUnits = stepUnits
  y.quantum = QUANTUM_BYTES
  y.survival = FIRST_SURVIVAL
  y.cap = u32.MAX_VALUE
  if (!makeLog()) return false
  if (!makeNursery(min(youngBytes, FIRST_NURSERY_BYTES))) {
    dropLog()
    return false
  }
  openNursery()
  space().budgetBytes = nextBudget()
  keepReserve()
  return true
}
