/**
 * Full collections, the same for every plan of the large builds: mark from the roots, moving objects out of sparse
 * blocks if there are any; put weak words and side tables right; sweep; and if that is wanted slide all together.
 *
 * With a nursery, a cycle that goes on is brought to its end first, and the nursery is collected: what stays in it is a
 * root.
 */
import { hostReport } from '../host'
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import {
  CAUSE_BUDGET,
  CAUSE_REQUEST,
  CAUSE_STRESS,
  COLLECT_COMPACT,
  COLLECT_FULL,
  COLLECT_MINOR,
  MAP_COLOUR_A,
  MAP_COLOUR_B,
  POLICY_COUNT_TYPES,
  POLICY_INCREMENTAL,
  POLICY_LAZY_SWEEP,
  REPORT_COLLECT_BEGIN,
  REPORT_COLLECT_END,
  REPORT_WORK,
  WORK_MARK,
  WORK_PREPARE,
  WORK_SLIDE,
  WORK_SWEEP,
  WORK_WEAK,
} from '../object-layout'
import { space } from '../object-overlay'
import { heap } from '../overlay'
import { finishCycle } from '../collect/cycle'
import { beginEvacuation, chooseCandidates, dropCandidates } from '../collect/evacuate'
import { countFresh, tagAllFresh } from '../collect/fresh'
import { countFreshLarge, sweepLarge } from '../collect/large'
import { Marker, beginMark, drain, endMark } from '../collect/mark'
import { collectNursery } from '../collect/minor'
import { beginNurseryAgain, leaveNursery, settleYoung, whitenYoung } from '../collect/nursery'
import { guardedSlot, plan } from '../collect/plan-state'
import { endPromotion, giveUpReserve, keepReserve } from '../collect/promote'
import { rebuildLog, shortenLog } from '../collect/remembered'
import { relocateLarge } from '../collect/relocate'
import { slide } from '../collect/slide'
import { enterNextBlock, finishSweep } from '../collect/sweep'
import { beginWeak, finishWeak, markEphemerons } from '../collect/weak'
import { giveBack } from '../region/borrow'
import { giveBackTop } from '../region/grow'
import { trimHandles } from '../root/handles'
import { trimRootLists } from '../root/lists'
import { areStacksSound } from '../root/shadow'
import { visitMovingRoots, visitPinningRoots } from '../root/visit'
import { hasNursery, young } from '../young-overlay'
import { leaveHole, leaveMediumHole } from './holes'
import { nextBudget } from './pacing'

export function collectFor(kind: u32, cause: u32): u32 {
  const s = space()
  const p = plan()
  if (!areStacksSound()) return STATUS_BAD_ARGUMENT
  p.isCollecting = 1
  s.cause = cause
  hostReport(REPORT_COLLECT_BEGIN, cause | (kind << 8))
  work(WORK_PREPARE)
  prepare(cause)
  beginMark()
  work(WORK_MARK)
  const moving = kind == COLLECT_FULL && chooseCandidates()
  s.colour = s.colour == MAP_COLOUR_A ? MAP_COLOUR_B : MAP_COLOUR_A
  s.collections++
  s.moved = 0
  if (moving) {
    beginEvacuation()
    markAll<u16>()
  } else markAll<u8>()
  if (hasNursery()) settleYoung()
  s.liveBytes = p.markedBytes
  s.liveObjects = p.markedObjects
  work(WORK_SWEEP)
  sweepLarge(s.colour)
  // Cycles begin with everything swept.
  const mayBeLazy = (s.policy & (POLICY_LAZY_SWEEP | POLICY_INCREMENTAL)) == POLICY_LAZY_SWEEP
  const isLazy = mayBeLazy && (cause == CAUSE_BUDGET || cause == CAUSE_STRESS)
  if (moving || kind == COLLECT_COMPACT || !isLazy) finishSweep()
  if (moving) dropCandidates()
  // A stack that has grown must not lie at the top while the top is given back.
  endMark()
  if (kind == COLLECT_COMPACT) compact()
  if (hasNursery()) {
    rebuildLog()
    keepReserve()
    young().oldBytes = s.liveBytes
    young().cap = u32.MAX_VALUE
    young().bornBytes = 0
    young().bornObjects = 0
  }
  s.allocatedBytes = 0
  s.budgetBytes = nextBudget()
  p.block = 0
  enterNextBlock()
  p.isCollecting = 0
  hostReport(REPORT_COLLECT_END, kind)
  return STATUS_OK
}

// @ts-ignore: decorator
@inline
function work(phase: u32): void {
  hostReport(REPORT_WORK, phase)
}

/** Close all holes, finish the last cycle and the last sweep, count if that is wanted. */
function prepare(cause: u32): void {
  if (hasNursery()) {
    finishCycle()
    collectNursery(true, cause)
    endPromotion()
    finishSweep()
    whitenYoung()
    if (space().policy & POLICY_COUNT_TYPES) countFreshLarge()
    return
  }
  finishSweep()
  leaveHole()
  leaveMediumHole()
  if (space().policy & POLICY_COUNT_TYPES) {
    tagAllFresh()
    countFresh()
    countFreshLarge()
  }
}

function markAll<Moving>(): void {
  beginWeak()
  // What is pinned is marked first and in place, so it is never moved.
  visitPinningRoots<Marker<u8>>()
  visitMovingRoots<Marker<Moving>>()
  changetype<Marker<Moving>>(0).visit(guardedSlot())
  drain<Moving>()
  work(WORK_WEAK)
  markEphemerons<Marker<Moving>>()
  finishWeak<Marker<Moving>>()
}

function compact(): void {
  work(WORK_SLIDE)
  space().compactions++
  trimRootLists()
  trimHandles()
  slide()
  relocateLarge()
  // The log first: from the moment that the nursery is left nothing may take its place.
  if (hasNursery()) shortenLog()
  const isLeft = hasNursery() && leaveNursery()
  if (isLeft) giveUpReserve()
  giveBackTop()
  if (isLeft) {
    beginNurseryAgain()
    keepReserve()
  }
  // A tenant's pieces last: the parent may not have them for a nursery again.
  giveBack()
}
