/**
 * Room in the old space for survivors of the nursery: the holes that the last sweep found, block after block by
 * address, then new blocks. Objects of more than two granules that do not fit the current hole look for another one
 * without passing it over, and longer ones go to a block of their own, so that small holes are not skipped for them.
 *
 * Guarantee: once no room was found, none is found until `beginPromotion`, so that an object stays or is copied, never
 * both.
 */
import { GRANULE_BYTES, GRANULE_SHIFT } from '../layout'
import { KNOB_EVACUATION_FAILS, OBJECT_MEDIUM_BYTES, PHASE_SWEEP, POLICY_INCREMENTAL } from '../object-layout'
import { space } from '../object-overlay'
import { heap, knob } from '../overlay'
import { tableAlloc, tableFree } from '../object/memory'
import { young } from '../young-overlay'
import { ObjectBlock, blockFrom, blockMapEnd, granulesOf, makeBlock } from './blocks'
import { plan } from './plan-state'
import { enterBlock, enterNextBlock, enterSweptBlock, findHole, holeAddress, isSwept, sweepBlock } from './sweep'

/** Objects above this look for holes of their own. */
const LONG_BYTES: u32 = 32
/** Blocks that the search for one looks at. */
const LONG_TRIES: u32 = 8

export function beginPromotion(): void {
  const y = young()
  y.lacksRoom = 0
  y.promotedBytes = 0
  y.promotedObjects = 0
}

/** Give up the stretches that are being filled; what is left of them is found by the next sweep. */
export function endPromotion(): void {
  const y = young()
  y.promotion = 0
  y.promotionLimit = 0
  y.medium = 0
  y.mediumLimit = 0
  // Below every block.
  y.longFrom = 1
  y.longCursor = 0
}

/** Where an object that takes `bytes` goes, 0 when there is no room. The current stretch has none. */
export function promotionRoom(bytes: u32): usize {
  const y = young()
  if (y.lacksRoom) return 0
  let at: usize = 0
  if (!mustFail()) {
    if (bytes <= LONG_BYTES) at = smallRoom(bytes)
    else {
      if (bytes <= OBJECT_MEDIUM_BYTES) at = longRoom(bytes)
      if (!at) at = mediumRoom(bytes)
    }
  }
  if (at) return at
  y.lacksRoom = 1
  endPromotion()
  return 0
}

function mustFail(): bool {
  return knob(KNOB_EVACUATION_FAILS) && young().promotedObjects % 7 == 6
}

/**
 * For objects of more than two granules: a hole that is long enough, among the next few blocks behind where the last
 * one was found. Only what the object takes is claimed. The search has a place of its own, so that short holes are not
 * passed over for good, and an end, so that one survivor does not cost a look at the whole heap.
 */
function longRoom(bytes: u32): usize {
  const p = plan()
  const y = young()
  const filling = p.block
  const cursor = p.cursor
  let at: usize = 0
  for (let tries: u32 = 0; tries < LONG_TRIES && y.longFrom && !at; tries++) {
    const place = blockFrom(y.longFrom)
    if (!place) y.longFrom = 0
    else if (!isSwept(changetype<ObjectBlock>(place)) && y.phase == PHASE_SWEEP) break
    else at = holeInBlock(place, bytes >> GRANULE_SHIFT, place == filling)
  }
  p.block = filling
  p.cursor = cursor
  return at
}

/** A hole of `granules` in the block, from where the last one was found on; without one, or if `filled`, go on. */
function holeInBlock(place: usize, granules: u32, filled: bool): usize {
  const p = plan()
  const y = young()
  const block = changetype<ObjectBlock>(place)
  if (!isSwept(block)) sweepBlock(block)
  if (!filled && block.usedGranules + granules <= granulesOf(block)) {
    enterBlock(place)
    if (y.longCursor > p.cursor && y.longCursor < blockMapEnd(block)) p.cursor = y.longCursor
    const found = findHole(granules)
    if (found) {
      y.longFrom = block.start
      y.longCursor = p.cursor - found + granules
      block.usedGranules += granules
      return holeAddress(found)
    }
  }
  y.longFrom = block.start + block.bytes
  y.longCursor = 0
  return 0
}

function smallRoom(bytes: u32): usize {
  if (!nextPromotionHole(bytes, false) && !newPromotionBlock() && !nextPromotionHole(bytes, true)) return 0
  const y = young()
  const at = y.promotion
  y.promotion = at + bytes
  return at
}

/**
 * The next hole of at least `bytes` in the blocks that are there. While a cycle sweeps, only in those that it has swept
 * already: a pause must not sweep many; unless `sweeps`, when there is no other memory.
 */
function nextPromotionHole(bytes: u32, sweeps: bool): bool {
  const granules = (bytes + GRANULE_BYTES - 1) >> GRANULE_SHIFT
  const p = plan()
  while (p.block) {
    const found = findHole(granules)
    if (found) {
      const block = changetype<ObjectBlock>(p.block)
      block.usedGranules += found
      fill(block, holeAddress(found), found << GRANULE_SHIFT)
      return true
    }
    if (sweeps || young().phase != PHASE_SWEEP) enterNextBlock()
    else if (!enterSweptBlock()) return false
  }
  return false
}

function newPromotionBlock(): bool {
  const place = blockForPromotion()
  if (!place) return false
  fill(changetype<ObjectBlock>(place), changetype<ObjectBlock>(place).start, changetype<ObjectBlock>(place).bytes)
  return true
}

// @ts-ignore: decorator
@inline
function fill(block: ObjectBlock, from: usize, bytes: u32): void {
  const y = young()
  y.promotion = from
  y.promotionLimit = from + bytes
  y.promotionBias = block.mapBias
}

/** A block that counts as used; what is kept back for the end of a cycle is given up for it. */
function blockForPromotion(): usize {
  let place = makeBlock(true)
  if (!place && young().reserve) {
    giveUpReserve()
    place = makeBlock(true)
  }
  if (place) changetype<ObjectBlock>(place).usedGranules = granulesOf(changetype<ObjectBlock>(place))
  return place
}

/** Keep back as much as the nursery could promote, so that a cycle can end when everything else is used up. */
export function keepReserve(): void {
  const y = young()
  if (!(space().policy & POLICY_INCREMENTAL) || y.reserve) return
  // Less than that is better than nothing; a small heap keeps a sixteenth.
  y.reserve = tableAlloc(min<u32>(y.wanted, heap().limitBytes >> 4))
}

export function giveUpReserve(): void {
  tableFree(young().reserve)
  young().reserve = 0
}

function mediumRoom(bytes: u32): usize {
  const y = young()
  if (bytes > y.mediumLimit - y.medium) {
    const place = blockForPromotion()
    if (!place) return nextPromotionHole(bytes, true) ? smallRoomHere(bytes) : 0
    y.medium = changetype<ObjectBlock>(place).start
    y.mediumLimit = y.medium + changetype<ObjectBlock>(place).bytes
  }
  const at = y.medium
  y.medium = at + bytes
  return at
}

/** In the stretch that has just been found. */
function smallRoomHere(bytes: u32): usize {
  const at = young().promotion
  young().promotion = at + bytes
  return at
}
