/**
 * Sweeping: from the map alone, 16 bytes at a time. What lacks the current colour is cleared from the map; the objects
 * themselves are not touched. A block in which nothing lives goes back to the free runs. Lazily, a block is swept when
 * its holes are needed; the sweep of all is finished before the next marking begins.
 *
 * Holes are exact: any stretch of granules between objects, down to one.
 */
import { MAP_SPAN, MAP_START } from '../object-layout'
import { space } from '../object-overlay'
import { ObjectBlock, addressAt, blockMap, blockMapEnd, granulesOf, nextBlockAfter, releaseBlock } from './blocks'
import { bytesWith, carryOut, covered, sweepMap } from './map'
import { plan } from './plan-state'

// @ts-ignore: decorator
@inline
export function isSwept(block: ObjectBlock): bool {
  return block.epoch == space().collections
}

/** Sweep one block; the granules in use. */
export function sweepBlock(block: ObjectBlock): u32 {
  const used = sweepMap(blockMap(block), blockMapEnd(block), space().colour)
  block.usedGranules = used
  block.epoch = space().collections
  return used
}

/** Sweep what is not swept yet, and give back what is found empty. The block that is being filled has been swept. */
export function finishSweep(): void {
  for (let place = nextBlockAfter(0); place; ) {
    const block = changetype<ObjectBlock>(place)
    // Read before the descriptor may be gone.
    const next = nextBlockAfter(place)
    if (!isSwept(block) && sweepBlock(block) == 0) releaseBlock(block)
    place = next
  }
}

/** Go on to the next block that has holes, if none has to be swept before it; else false, and the block stays. */
export function enterSweptBlock(): bool {
  const p = plan()
  let place = nextBlockAfter(p.block)
  while (place) {
    const block = changetype<ObjectBlock>(place)
    if (!isSwept(block)) return false
    if (block.usedGranules < granulesOf(block)) {
      enterBlock(place)
      return true
    }
    place = nextBlockAfter(place)
  }
  p.block = 0
  return false
}

/** Begin the search for holes at a block. */
export function enterBlock(place: usize): void {
  const p = plan()
  p.block = place
  p.cursor = blockMap(changetype<ObjectBlock>(place))
}

/** Go on to the next block that has holes; `block` is 0 behind the last one. */
export function enterNextBlock(): void {
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

/**
 * The next hole of at least `granules` in the current block: its length in granules, its address by `holeAddress`; 0
 * when there is none. The block has been swept.
 */
export function findHole(granules: u32): u32 {
  const p = plan()
  const block = changetype<ObjectBlock>(p.block)
  const end = blockMapEnd(block)
  let group = p.cursor & ~63
  let bit = <u64>(p.cursor & 63)
  // The cursor is never inside an object; what fresh objects in front of it have been given in the map does not count.
  let carry: u64 = 0
  while (group < end) {
    const rest = u64.MAX_VALUE << bit
    const starts = bytesWith(group, MAP_START) & rest
    const spans = bytesWith(group, MAP_SPAN) & rest
    const free = ~covered(starts, spans, carry) & rest
    if (!free) {
      carry = carryOut(starts, spans, carry)
      group += 64
      bit = 0
      continue
    }
    const first = ctz(free)
    const hole = group + <usize>first
    // A hole to the end of the 64 goes on into the next.
    let length = <u32>ctz(~(free >> first))
    if (<u32>first + length == 64) length += freeFrom(group + 64, end)
    const next = hole + length
    if (length >= granules) {
      p.cursor = next
      return length
    }
    carry = 0
    group = next & ~63
    bit = <u64>(next & 63)
  }
  p.cursor = end
  return 0
}

/** Free granules from `from`, the first of 64, on. */
function freeFrom(from: usize, end: usize): u32 {
  let at = from
  while (at < end) {
    const covers = covered(bytesWith(at, MAP_START), bytesWith(at, MAP_SPAN), 0)
    if (covers) return <u32>(at - from) + <u32>ctz(covers)
    at += 64
  }
  return <u32>(at - from)
}

/** Address of the hole of `granules` that `findHole` has just given. */
// @ts-ignore: decorator
@inline
export function holeAddress(granules: u32): usize {
  return addressAt(changetype<ObjectBlock>(plan().block), plan().cursor - granules)
}
