/**
 * The `vm` plan: one space of object blocks, marked and swept in full, without a barrier. Allocation bumps through the
 * holes that the sweep found, block after block by address, then takes new blocks until the budget is used up, then
 * collects. Blocks that have become sparse are evacuated while marking; `compact` slides everything.
 *
 *   refill    the next hole, a new block, a collection, a slide: whatever gives room first
 *   barrier   none
 *   collect   full.ts
 *   verify    check/objects.ts
 *
 * Objects of medium size that do not fit the current hole go to a block of their own, so that small holes are not
 * skipped for them (the overflow allocation of Immix).
 */
import { GRANULE_BYTES, GRANULE_SHIFT } from '../layout'
import {
  CAUSE_BUDGET,
  CAUSE_MEMORY,
  CAUSE_STRESS,
  COLLECT_COMPACT,
  COLLECT_FULL,
  OBJECT_MEDIUM_BYTES,
  OBJECT_SMALL_MAX_BYTES,
} from '../object-layout'
import { space } from '../object-overlay'
import { ObjectBlock, granulesOf, makeBlock } from '../collect/blocks'
import { allocLargeObject } from '../collect/large'
import { plan } from '../collect/plan-state'
import { enterNextBlock, findHole, holeAddress } from '../collect/sweep'
import { young } from '../young-overlay'
import { collectFor } from './full'
import { leaveHole, leaveMediumHole } from './holes'
import { allocatedUnderStress, isStressed } from './stress'

// ---- holes ---------------------------------------------------------------------------------------------------------

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
export function allocateInHoles(bytes: u32): usize {
  if (plan().isCollecting) return 0
  if (isStressed() && allocatedUnderStress(bytes)) collectFor(COLLECT_FULL, CAUSE_STRESS)
  let at = allocateOnce(bytes, CAUSE_BUDGET)
  if (at || young().refusing) return at
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
  if (bytes > OBJECT_MEDIUM_BYTES) return allocateMedium(bytes, cause)
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
  // Stress may have ended since the limit was lowered for it.
  s.limit = isStressed() ? s.bump : plan().heldLimit
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
