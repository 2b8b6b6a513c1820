/**
 * Incremental cycles: old objects are marked from a snapshot of the roots in steps of bounded work, between which the
 * program runs. (Yuasa's snapshot at the beginning; units of work instead of time as in Motoko's collector.)
 *
 *   IDLE -> ROOTS    straight after a minor collection: the words of all roots are copied, so the snapshot is taken at
 *                    once and marked in pieces; new old objects are born marked from here on
 *   ROOTS -> MARK    what the copied roots and the shaded references lead to; weak maps' entries wait for their keys
 *   MARK -> WEAK     straight after a minor collection, with nothing left to mark: from here on what is not marked is
 *                    dead, and reading a weak word tells so
 *   WEAK -> SWEEP    weak references, weak maps, weak roots, finalizers and hashes have been put right, in pieces
 *   SWEEP -> IDLE    large objects and blocks, in pieces; survivors of the nursery go to what is swept already
 *
 * Young objects are passed by: they are newer than the snapshot. Those that stay in the nursery when a cycle begins are
 * roots.
 *
 * Invariant (`check/cycle.ts`): while marking, what a marked or young object or a root refers to is marked, or a path
 * of unmarked objects leads to it from an object that is still to be scanned.
 */
import { check, hostReport } from '../host'
import {
  CAUSE_NURSERY,
  MAP_COLOUR_A,
  MAP_COLOUR_B,
  PHASE_IDLE,
  PHASE_MARK,
  PHASE_ROOTS,
  PHASE_SWEEP,
  PHASE_WEAK,
  POLICY_COUNT_TYPES,
  REPORT_WORK,
  ROOT_WEAK,
  WORK_MARK,
  WORK_SWEEP,
  WORK_WEAK,
} from '../object-layout'
import { space } from '../object-overlay'
import { tableAlloc, tableFree } from '../object/memory'
import { WeakRef, WeakTable, tableCapacity, weakEntry } from '../object/weak'
import { areFinalizersDone, updateFinalizers, updateFinalizersSome } from '../root/finalizers'
import { removeDeadHashes, updateYoungHashes } from '../root/hashes'
import { firstSegment, visitSegment } from '../root/lists'
import { eachRootRange, visitMovingRoots, visitPinningRoots, visitSlotRoots } from '../root/visit'
import { isYoungReference, young } from '../young-overlay'
import { ObjectBlock, blockFrom, nextBlockAfter, releaseBlock } from './blocks'
import { Large, countIfFresh, largeMap, releaseLarge } from './large'
import { Marker, beginMark, drainSome, endMark, rescanSome } from './mark'
import { collectNursery } from './minor'
import { finishYoungWeak, markFromYoung } from './nursery'
import { guardedSlot, plan } from './plan-state'
import { endPromotion } from './promote'
import { dropDeadFromLog } from './remembered'
import { enterBlock, isSwept, sweepBlock } from './sweep'
import { WeakRoot, beginWeak, finishEntry, markEntry } from './weak'

/** Units that the sweep of a block, a segment of weak roots, or a piece of a table count for. */
const BLOCK_UNITS: u32 = 64
const SEGMENT_UNITS: u32 = 1024
const PIECE: u32 = 256
/** Bytes of a large object that count for a unit when it is freed: 256. */
const LARGE_SHIFT: u32 = 8

type Mark = Marker<u32>

// ---- the snapshot ---------------------------------------------------------------------------------------------------

/** Begin a cycle. A minor collection that promotes everything has just ended, and everything is swept. */
export function beginCycle(): void {
  const s = space()
  const y = young()
  check(y.phase == PHASE_IDLE && y.rootCopy == 0, 851, y.phase)
  beginMark()
  beginWeak()
  plan().markedBytes = 0
  plan().markedObjects = 0
  s.colour = s.colour == MAP_COLOUR_A ? MAP_COLOUR_B : MAP_COLOUR_A
  y.phase = PHASE_ROOTS
  y.shading = 1
  y.cycleBytes = y.oldBytes
  y.cycleUnits = 0
  y.lastUnits = 0
  y.bornBytes = 0
  y.bornObjects = 0
  y.rescanFrom = 0
  y.table = 0
  y.tableIndex = 0
  copyRoots()
  markFromYoung<Mark>()
}

/** Copy the words of all roots; where there is no memory for that, mark from them at once. */
function copyRoots(): void {
  const y = young()
  y.rootCopy = 0
  y.rootNext = 0
  y.rootEnd = 0
  eachRootRange<RootCounter>()
  visitSlotRoots<RootCounter>()
  const bytes = y.rootEnd + 4
  y.rootCopy = tableAlloc(bytes)
  y.rootNext = y.rootCopy
  y.rootEnd = y.rootCopy
  changetype<Mark>(0).visit(guardedSlot())
  if (y.rootCopy) {
    eachRootRange<RootCopier>()
    visitSlotRoots<RootCopier>()
  } else {
    visitPinningRoots<Mark>()
    visitMovingRoots<Mark>()
  }
}

@unmanaged
@final
class RootCounter {
  range(from: usize, to: usize): void {
    young().rootEnd += to - from
  }

  visit(slot: usize): void {
    young().rootEnd += 4
  }
}

@unmanaged
@final
class RootCopier {
  range(from: usize, to: usize): void {
    const y = young()
    memory.copy(y.rootEnd, from, to - from)
    if (y.stayed) for (let slot = y.rootEnd; slot < y.rootEnd + (to - from); slot += 4) forgetYoung(slot)
    y.rootEnd += to - from
  }

  visit(slot: usize): void {
    const y = young()
    store<usize>(y.rootEnd, load<usize>(slot))
    forgetYoung(y.rootEnd)
    y.rootEnd += 4
  }
}

/** Objects that stay young may move before the copy is read; marking begins at them by itself. */
function forgetYoung(slot: usize): void {
  if (isYoungReference(load<usize>(slot))) store<usize>(slot, 0)
}

function rootsSome(): void {
  const y = young()
  while (y.rootNext < y.rootEnd) {
    if (!y.unitsLeft) return
    y.unitsLeft--
    const stop = min(y.rootNext + 8, y.rootEnd)
    for (; y.rootNext < stop; y.rootNext += 4) changetype<Mark>(0).visit(y.rootNext)
  }
  tableFree(y.rootCopy)
  y.rootCopy = 0
  y.rootNext = 0
  y.rootEnd = 0
  y.phase = PHASE_MARK
}

// ---- marking --------------------------------------------------------------------------------------------------------

/** Whether nothing is left to be marked. */
function isMarkingDone(): bool {
  const y = young()
  const p = plan()
  return p.stackTop == space().markStack && !p.overflowed && !y.rescanFrom && !y.table && !space().tableList
}

function markSome(): void {
  const s = space()
  const y = young()
  const p = plan()
  while (y.unitsLeft && !isMarkingDone()) {
    drainSome()
    if (p.stackTop != s.markStack) continue
    if (y.rescanFrom) y.rescanFrom = rescanSome(y.rescanFrom)
    else if (p.overflowed) {
      p.overflowed = 0
      s.overflows++
      // Below every block.
      y.rescanFrom = 1
    } else ephemeronsSome()
  }
}

/** Let entries of weak maps wait for their keys, or mark their values. */
function ephemeronsSome(): void {
  const s = space()
  const y = young()
  if (!y.table) {
    if (!s.tableList) return
    y.table = s.tableList
    y.tableIndex = 0
    s.tableList = changetype<WeakTable>(y.table).link
    changetype<WeakTable>(y.table).link = s.tablesSeen
    s.tablesSeen = y.table
  }
  const capacity = tableCapacity(y.table)
  const stop = min<u32>(capacity, y.tableIndex + min(y.unitsLeft, PIECE))
  y.unitsLeft -= stop - y.tableIndex
  for (; y.tableIndex < stop; y.tableIndex++) markEntry<Mark>(weakEntry(y.table, y.tableIndex))
  if (stop == capacity) y.table = 0
}

/** With nothing left to mark: collect the nursery; when that has brought nothing new, what is not marked is dead. */
function endMarking(): void {
  const s = space()
  const y = young()
  collectNursery(true, CAUSE_NURSERY)
  // Only what the nursery has just let go of can be left.
  y.unitsLeft = u32.MAX_VALUE
  while (!isMarkingDone()) markSome()
  finishYoungWeak<Mark>()
  check(!y.table && !y.rootCopy, 852, y.table)
  y.shading = 0
  y.phase = PHASE_WEAK
  finishTails()
  y.tableIndex = 0
  y.weakSegment = firstSegment(ROOT_WEAK)
  y.gapFrom = 0
  y.gapTo = 0
  y.hashNext = 0
}

/**
 * Where young objects stay, old ones may come behind them in the tables of finalizers and hashes, where the pieces do
 * not look: these tables are then put right at once.
 */
function finishTails(): void {
  const s = space()
  const y = young()
  if (y.finalizerFrom < s.finalizerCount) updateFinalizers<Mark>()
  if (y.hashFrom < s.hashCount) y.hashFrom = updateYoungHashes<Mark>(y.hashFrom)
}

// ---- weak words and side tables -------------------------------------------------------------------------------------

function weakSome(): void {
  const s = space()
  const y = young()
  while (s.weakList) {
    if (!take(1)) return
    const weak = changetype<WeakRef>(s.weakList)
    s.weakList = weak.link
    weak.link = 0
    weak.target = changetype<Mark>(0).survivor(weak.target)
  }
  while (s.tablesSeen) {
    if (!tableSome()) return
  }
  while (y.weakSegment) {
    if (!take(SEGMENT_UNITS)) return
    y.weakSegment = visitSegment<WeakRoot<Mark>>(ROOT_WEAK, y.weakSegment)
  }
  // Asked before units are taken: the last of a step must not go to a table that is done.
  while (!areFinalizersDone()) {
    if (!take(PIECE)) return
    updateFinalizersSome<Mark>(PIECE)
  }
  while (y.hashNext < min(y.hashFrom, s.hashCount)) {
    if (!take(PIECE)) return
    y.hashNext = removeDeadHashes<Mark>(y.hashNext, PIECE)
  }
  beginSweep()
}

/** Put a piece of the first table right; false when the units are used up. */
function tableSome(): bool {
  const s = space()
  const y = young()
  const table = s.tablesSeen
  const capacity = tableCapacity(table)
  while (y.tableIndex < capacity) {
    if (!take(1)) return false
    finishEntry<Mark>(table, weakEntry(table, y.tableIndex++))
  }
  s.tablesSeen = changetype<WeakTable>(table).link
  changetype<WeakTable>(table).link = 0
  y.tableIndex = 0
  return true
}

/** Take units for a piece of work; false when none is left. The last piece may take more than there is. */
function take(units: u32): bool {
  const y = young()
  if (!y.unitsLeft) return false
  y.unitsLeft -= min(y.unitsLeft, units)
  return true
}

// ---- sweeping -------------------------------------------------------------------------------------------------------

function beginSweep(): void {
  const s = space()
  const p = plan()
  const y = young()
  // The stretch that is being filled would be found once more.
  endPromotion()
  endMark()
  if (y.stayed) dropDeadFromLog()
  s.collections++
  s.liveBytes = p.markedBytes + y.bornBytes
  s.liveObjects = p.markedObjects + y.bornObjects
  y.cycleFreed = y.oldBytes - min(y.oldBytes, s.liveBytes)
  y.oldBytes = s.liveBytes
  y.phase = PHASE_SWEEP
  y.nextLarge = s.large
  y.sweepFrom = 1
  p.block = 0
  const first = nextBlockAfter(0)
  if (!first) return
  sweepBlock(changetype<ObjectBlock>(first))
  enterBlock(first)
}

function sweepSome(): void {
  const s = space()
  const y = young()
  while (y.nextLarge) {
    // Each MiB that is freed becomes a chunk with a clear map.
    if (!take(BLOCK_UNITS + (changetype<Large>(y.nextLarge).bytes >> LARGE_SHIFT))) return
    const piece = y.nextLarge
    y.nextLarge = changetype<Large>(piece).next
    if (s.policy & POLICY_COUNT_TYPES) countIfFresh(piece)
    if (load<u8>(largeMap(piece)) & s.colour) changetype<Large>(piece).isFresh = 0
    else releaseLarge(piece)
  }
  for (let place = blockFrom(y.sweepFrom); place; ) {
    if (!take(BLOCK_UNITS)) return
    const block = changetype<ObjectBlock>(place)
    const next = nextBlockAfter(place)
    y.sweepFrom = block.start + block.bytes
    if (!isSwept(block) && sweepBlock(block) == 0) releaseBlock(block)
    place = next
  }
  y.phase = PHASE_IDLE
  y.cycles++
}

// ---- steps ----------------------------------------------------------------------------------------------------------

/** Whether a cycle goes on. */
// @ts-ignore: decorator
@inline
export function isCycling(): bool {
  return young().phase != PHASE_IDLE
}

/** Do at most about `units` of the cycle's work: more only by the last piece of it. */
export function stepCycle(units: u32): void {
  const y = young()
  y.unitsLeft = units
  y.steps++
  if (y.phase < PHASE_WEAK) hostReport(REPORT_WORK, WORK_MARK)
  if (y.phase == PHASE_ROOTS) rootsSome()
  if (y.phase == PHASE_MARK) {
    markSome()
    // What collects the nursery is a step of its own.
    if (y.unitsLeft && isMarkingDone()) {
      const left = y.unitsLeft
      endMarking()
      y.unitsLeft = left
    }
  } else if (y.phase == PHASE_WEAK) {
    hostReport(REPORT_WORK, WORK_WEAK)
    weakSome()
  } else if (y.phase == PHASE_SWEEP) {
    hostReport(REPORT_WORK, WORK_SWEEP)
    sweepSome()
  }
  y.lastUnits = units - y.unitsLeft
  y.cycleUnits += y.lastUnits
}

/** Bring the cycle to its end. */
export function finishCycle(): void {
  while (isCycling()) stepCycle(u32.MAX_VALUE)
}
