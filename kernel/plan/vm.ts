/**
 * The `vm` plan: one space of object blocks, marked and swept in full, without a barrier. Allocation bumps through the
 * holes that the sweep found, block after block by address, then takes new blocks until the budget is used up, then
 * collects. Blocks that have become sparse are evacuated while marking; `compact` slides everything.
 *
 *   refill    the next hole, a new block, a collection, a slide: whatever gives room first
 *   barrier   none
 *   collect   below
 *   verify    check/objects.ts
 *
 * Objects of medium size that do not fit the current hole go to a block of their own, so that small holes are not
 * skipped for them (the overflow allocation of Immix).
 */
import { check, hostReport } from '../host'
import { GRANULE_BYTES, GRANULE_SHIFT, STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import {
  CAUSE_BUDGET,
  CAUSE_MEMORY,
  CAUSE_REQUEST,
  CAUSE_STRESS,
  COLLECT_COMPACT,
  COLLECT_FULL,
  MAP_COLOUR_A,
  MAP_COLOUR_B,
  OBJECT_SMALL_MAX_BYTES,
  POLICY_COUNT_TYPES,
  POLICY_LAZY_SWEEP,
  REPORT_COLLECT_BEGIN,
  REPORT_COLLECT_END,
} from '../object-layout'
import { space } from '../object-overlay'
import { heap } from '../overlay'
import { OBJECT_BLOCK_MEDIUM_BYTES } from './limits'
import { ObjectBlock, granulesOf, makeBlock, nextBlockAfter } from '../collect/blocks'
import { beginEvacuation, chooseCandidates, dropCandidates } from '../collect/evacuate'
import { closeHole, countFresh, tagAllFresh } from '../collect/fresh'
import { allocLargeObject, countFreshLarge, sweepLarge } from '../collect/large'
import { Marker, beginMark, drain, endMark } from '../collect/mark'
import { guardedSlot, plan } from '../collect/plan-state'
import { relocateLarge } from '../collect/relocate'
import { slide } from '../collect/slide'
import { enterBlock, findHole, finishSweep, holeAddress, isSwept, sweepBlock } from '../collect/sweep'
import { beginWeak, finishWeak, markEphemerons } from '../collect/weak'
import { giveBackTop } from '../region/grow'
import { trimHandles } from '../root/handles'
import { trimRootLists } from '../root/lists'
import { areStacksSound } from '../root/shadow'
import { visitMovingRoots, visitPinningRoots } from '../root/visit'
import { allocatedUnderStress, isStressed } from './stress'
import { nextBudget } from './pacing'

// ---- holes ---------------------------------------------------------------------------------------------------------

/** Take the current hole from the mutator; its rest is left for the next sweep. */
function leaveHole(): void {
  const s = space()
  const p = plan()
  if (s.bump) closeHole(p.holeStart, s.bump, p.heldLimit)
  s.bump = 0
  s.limit = 0
  p.holeStart = 0
  p.heldLimit = 0
}

function leaveMediumHole(): void {
  const p = plan()
  if (p.mediumBump) closeHole(p.mediumStart, p.mediumBump, p.mediumLimit)
  p.mediumBump = 0
  p.mediumLimit = 0
  p.mediumStart = 0
}

/** Give [from, to) to the mutator. */
function useHole(from: usize, to: usize): void {
  const s = space()
  s.bump = from
  s.limit = isStressed() ? from : to
  plan().holeStart = from
  plan().heldLimit = to
  s.allocatedBytes += to - from
}

/** The next hole of at least `bytes` in the blocks that are there. */
function refillFromBlocks(bytes: u32): bool {
  const granules = (bytes + GRANULE_BYTES - 1) >> GRANULE_SHIFT
  leaveHole()
  const p = plan()
  while (p.block) {
    const found = findHole(granules)
    if (found) {
      const from = holeAddress(found)
      changetype<ObjectBlock>(p.block).usedGranules += found
      useHole(from, from + (<usize>found << GRANULE_SHIFT))
      return true
    }
    enterNextBlock()
  }
  return false
}

/** Go on to the next block that has holes; `block` is 0 behind the last one. */
function enterNextBlock(): void {
  let place = nextBlockAfter(plan().block)
  while (place) {
    const block = changetype<ObjectBlock>(place)
    if (!isSwept(block)) sweepBlock(block)
    if (block.usedGranules < granulesOf(block)) {
      enterBlock(place)
      return
    }
    place = nextBlockAfter(place)
  }
  plan().block = 0
}

/** A whole new block as the hole. */
function refillFromNewBlock(mayGrow: bool): bool {
  const place = makeBlock(mayGrow)
  if (!place) return false
  leaveHole()
  const block = changetype<ObjectBlock>(place)
  block.usedGranules = granulesOf(block)
  useHole(block.start, block.start + block.bytes)
  return true
}

// ---- allocation ----------------------------------------------------------------------------------------------------

/**
 * Room for an object that takes `bytes`, when the current hole has none: the address of its header, 0 when out of
 * memory. May collect and move.
 */
export function allocateSlow(bytes: u32): usize {
  if (plan().isCollecting) return 0
  if (isStressed() && allocatedUnderStress(bytes)) collectFor(COLLECT_FULL, CAUSE_STRESS)
  let at = allocateOnce(bytes, CAUSE_BUDGET)
  if (at) return at
  collectFor(COLLECT_FULL, CAUSE_MEMORY)
  at = allocateOnce(bytes, CAUSE_MEMORY)
  if (at) return at
  collectFor(COLLECT_COMPACT, CAUSE_MEMORY)
  return allocateOnce(bytes, CAUSE_MEMORY)
}

/** With CAUSE_BUDGET a collection comes before growth when the budget is used up. */
function allocateOnce(bytes: u32, cause: u32): usize {
  if (bytes > OBJECT_SMALL_MAX_BYTES) return allocateLarge(bytes, cause)
  const s = space()
  if (bytes <= plan().heldLimit - s.bump) return take(bytes)
  if (bytes > OBJECT_BLOCK_MEDIUM_BYTES) return allocateMedium(bytes, cause)
  if (refillFromBlocks(bytes)) return take(bytes)
  if (cause == CAUSE_BUDGET && s.allocatedBytes >= s.budgetBytes) {
    collectFor(COLLECT_FULL, CAUSE_BUDGET)
    if (refillFromBlocks(bytes)) return take(bytes)
  }
  return refillFromNewBlock(true) ? take(bytes) : 0
}

/** Bump in the current hole, which has room. */
function take(bytes: u32): usize {
  const s = space()
  const at = s.bump
  s.bump = at + bytes
  if (isStressed()) s.limit = s.bump
  return at
}

function allocateLarge(bytes: u32, cause: u32): usize {
  const s = space()
  if (cause == CAUSE_BUDGET && s.allocatedBytes + bytes > s.budgetBytes && s.allocatedBytes) {
    collectFor(COLLECT_FULL, CAUSE_BUDGET)
  }
  const at = allocLargeObject(bytes)
  if (at) s.allocatedBytes += bytes
  return at
}

/**
 * In the block for medium objects, in a new one, or when there is no memory for one in whatever hole is long enough.
 */
function allocateMedium(bytes: u32, cause: u32): usize {
  const p = plan()
  const s = space()
  if (!p.mediumBump || bytes > p.mediumLimit - p.mediumBump) {
    if (cause == CAUSE_BUDGET && s.allocatedBytes >= s.budgetBytes) collectFor(COLLECT_FULL, CAUSE_BUDGET)
    leaveMediumHole()
    const place = makeBlock(true)
    if (!place) return refillFromBlocks(bytes) ? take(bytes) : 0
    const block = changetype<ObjectBlock>(place)
    block.usedGranules = granulesOf(block)
    p.mediumStart = block.start
    p.mediumBump = block.start
    p.mediumLimit = block.start + block.bytes
    s.allocatedBytes += block.bytes
  }
  const at = p.mediumBump
  p.mediumBump = at + bytes
  return at
}

// ---- collection ----------------------------------------------------------------------------------------------------

/** Collect now: `COLLECT_…`. */
export function collect(kind: u32): u32 {
  if (!heap().space || kind > COLLECT_COMPACT || plan().isCollecting || !areStacksSound()) return STATUS_BAD_ARGUMENT
  return collectFor(kind, CAUSE_REQUEST)
}

export function collectFor(kind: u32, cause: u32): u32 {
  const s = space()
  const p = plan()
  if (!areStacksSound()) return STATUS_BAD_ARGUMENT
  beginMark()
  p.isCollecting = 1
  s.cause = cause
  hostReport(REPORT_COLLECT_BEGIN, cause)
  prepare()
  const moving = kind == COLLECT_FULL && chooseCandidates()
  s.colour = s.colour == MAP_COLOUR_A ? MAP_COLOUR_B : MAP_COLOUR_A
  s.collections++
  s.moved = 0
  if (moving) {
    beginEvacuation()
    markAll<u16>()
  } else markAll<u8>()
  s.liveBytes = p.markedBytes
  s.liveObjects = p.markedObjects
  sweepLarge(s.colour)
  const isLazy = (s.policy & POLICY_LAZY_SWEEP) != 0 && (cause == CAUSE_BUDGET || cause == CAUSE_STRESS)
  if (moving || kind == COLLECT_COMPACT || !isLazy) finishSweep()
  if (moving) dropCandidates()
  // A stack that has grown must not lie at the top while the top is given back.
  endMark()
  if (kind == COLLECT_COMPACT) compact()
  s.allocatedBytes = 0
  s.budgetBytes = nextBudget()
  p.block = 0
  enterNextBlock()
  p.isCollecting = 0
  hostReport(REPORT_COLLECT_END, kind)
  return STATUS_OK
}

/** Close all holes, finish the last sweep, count if that is wanted. */
function prepare(): void {
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
  markEphemerons<Marker<Moving>>()
  finishWeak<Marker<Moving>>()
}

function compact(): void {
  space().compactions++
  trimRootLists()
  trimHandles()
  slide()
  relocateLarge()
  giveBackTop()
}
