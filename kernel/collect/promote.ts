/**
 * Room in the old space for survivors of the nursery: the holes that the last sweep found, block after block by
 * address, then new blocks. Objects of medium size that do not fit the current hole go to a block of their own, so that
 * small holes are not skipped for them.
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
import { ObjectBlock, granulesOf, makeBlock } from './blocks'
import { plan } from './plan-state'
import { enterNextBlock, enterSweptBlock, findHole, holeAddress } from './sweep'

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
}

/** Where an object that takes `bytes` goes, 0 when there is no room. The current stretch has none. */
export function promotionRoom(bytes: u32): usize {
  const y = young()
  if (y.lacksRoom) return 0
  let at: usize = 0
  if (!mustFail()) at = bytes > OBJECT_MEDIUM_BYTES ? mediumRoom(bytes) : smallRoom(bytes)
  if (at) return at
  y.lacksRoom = 1
  endPromotion()
  return 0
}

function mustFail(): bool {
  return knob(KNOB_EVACUATION_FAILS) && young().promotedObjects % 7 == 6
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
