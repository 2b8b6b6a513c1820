/**
 * Evacuation: blocks in which little lives are emptied while marking. The first visit of an object in such a block
 * copies it to a block of survivors, leaves the new reference in the size word of the old one, and marks the old map
 * byte as forwarded; later visits correct their slot. What finds no room, and what is pinned, stays: its block is then
 * swept like any other. (Blackburn and McKinley, Immix, PLDI 2008.)
 */
import { FLAG_PIECES } from '../layout'
import { knob, entryOf, heap } from '../overlay'
import {
  KNOB_EVACUATION_FAILS,
  MAP_FORWARDED,
  MAP_OBJECT,
  OBJECT_BLOCK_BYTES,
  OBJECT_BLOCK_GRANULES,
  POLICY_EVACUATE,
  POLICY_MOVE_ALL,
} from '../object-layout'
import { space } from '../object-overlay'
import { objectBytes } from '../object/header'
import { BLOCK_CANDIDATE, ObjectBlock, blockOf, granulesOf, makeBlock, nextBlockAfter } from './blocks'
import { isYoung } from '../young-overlay'
import { plan } from './plan-state'

/** Blocks of which at most three eighths are in use are candidates, from this many on. */
const CANDIDATES_MIN: u32 = 4

/**
 * Choose the blocks to empty by what the last sweep found in them; whether there are any. No more is to be moved than
 * there is room for.
 */
export function chooseCandidates(): bool {
  const all = (space().policy & POLICY_MOVE_ALL) != 0
  if (!all && !(space().policy & POLICY_EVACUATE)) return false
  const room = roomGranules()
  let count: u32 = 0
  let granules: u32 = 0
  for (let place = nextBlockAfter(0); place; place = nextBlockAfter(place)) {
    const block = changetype<ObjectBlock>(place)
    block.flags = 0
    const most = all ? granulesOf(block) : (granulesOf(block) * 3) >> 3
    if (block.usedGranules > most || granules + block.usedGranules > room) continue
    granules += block.usedGranules
    block.flags = BLOCK_CANDIDATE
    count++
  }
  if (count && (all || count >= CANDIDATES_MIN)) return true
  dropCandidates()
  return false
}

/** Granules that blocks made from free memory, or by growth, could take; a little less than that. */
function roomGranules(): u32 {
  const h = heap()
  const allowed = h.limitBytes - min<u32>(h.committedBytes, h.limitBytes)
  const growth = h.flags & FLAG_PIECES ? allowed : min<u32>(allowed, h.end - h.top)
  const blocks = (h.freeBytes / OBJECT_BLOCK_BYTES) + (growth / OBJECT_BLOCK_BYTES)
  return (blocks - (blocks >> 3)) * (OBJECT_BLOCK_GRANULES - 512)
}

export function dropCandidates(): void {
  for (let place = nextBlockAfter(0); place; place = nextBlockAfter(place)) changetype<ObjectBlock>(place).flags = 0
}

/** Move the white object away if its block is a candidate; its new reference, or 0 when it stays. */
export function moveAway(reference: usize, map: usize): usize {
  if (isYoung(reference)) return 0
  const place = blockOf(entryOf(reference), reference)
  if (!place || !(changetype<ObjectBlock>(place).flags & BLOCK_CANDIDATE)) return 0
  const bytes = objectBytes(reference)
  const to = room(bytes)
  if (!to) {
    plan().failedCopies++
    return 0
  }
  const from = reference - 8
  for (let i: u32 = 0; i < bytes; i += 16) v128.store(to + i, v128.load(from + i))
  store<usize>(reference - 4, to + 8)
  store<u8>(map, <u8>(MAP_OBJECT | MAP_FORWARDED))
  space().moved++
  return to + 8
}

// @ts-ignore: decorator
@inline
export function forwardedTo(reference: usize): usize {
  return load<usize>(reference - 4)
}

/** Room for a copy of `bytes`, 0 when there is none. */
function room(bytes: u32): usize {
  const p = plan()
  if (knob(KNOB_EVACUATION_FAILS) && (space().moved + p.failedCopies) % 3 == 2) return 0
  let at = p.evacuationBump
  if (!at || at + bytes > p.evacuationLimit) {
    const place = makeBlock(true)
    if (!place) return 0
    // To be swept with the others, which counts what it then holds.
    changetype<ObjectBlock>(place).epoch = space().collections - 1
    at = changetype<ObjectBlock>(place).start
    p.evacuationLimit = at + changetype<ObjectBlock>(place).bytes
  }
  p.evacuationBump = at + bytes
  return at
}

/** Before a collection that moves. */
export function beginEvacuation(): void {
  const p = plan()
  p.evacuationBump = 0
  p.evacuationLimit = 0
  p.failedCopies = 0
}
