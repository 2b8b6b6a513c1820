/**
 * Object blocks: 64 KiB each, or what a chunk has left of that, cut from the free runs at unit alignment and given back
 * there when nothing in them lives. The descriptor of a block lies in the place of its first unit; each of its units'
 * places has the descriptor's address plus 1 in its second word, which no page and no piece has: that is how an address
 * leads to its block.
 *
 * Guarantee: the map of a new block is clear; the order of iteration is that of addresses.
 */
import { check } from '../host'
import { CHUNK_SHIFT, GRANULE_SHIFT, RUN_MAX_GRANULES, UNIT_BYTES, UNIT_GRANULES, UNIT_SHIFT } from '../layout'
import { OBJECT_BLOCK_UNITS, OBJECT_BLOCK_UNITS_MIN } from '../object-layout'
import { space } from '../object-overlay'
import { Entry, chunkOf, entryOf, heap } from '../overlay'
import { growForRun } from '../region/grow'
import { unitPlace, unitTag } from '../region/piece'
import { allocLowUnits, freeRun } from '../region/runs'
import { plan } from './plan-state'

@unmanaged
export class ObjectBlock {
  head: usize
  tag: usize
  start: usize
  mapBias: usize
  /** Granules of live objects found by the last sweep, and of the holes handed out since. */
  usedGranules: u32
  /** The collection after which it was swept. */
  epoch: u32
  flags: u32
  bytes: u32
}

/** Its objects are to be moved away in this collection. */
export const BLOCK_CANDIDATE: u32 = 1
/** A pinned object lies in it. */
export const BLOCK_PINNED: u32 = 2

/** Descriptor of the block that `address`, which lies in a chunk of ours, is in; 0 when it is in none. */
// @ts-ignore: decorator
@inline
export function blockOf(entry: Entry, address: usize): usize {
  const tag = unitTag(entry, address)
  return tag ? tag - 1 : 0
}

/** Map byte of the block's first granule. */
// @ts-ignore: decorator
@inline
export function blockMap(block: ObjectBlock): usize {
  return block.mapBias + (block.start >> GRANULE_SHIFT)
}

/** Address that the map byte at `map` stands for. */
// @ts-ignore: decorator
@inline
export function addressAt(block: ObjectBlock, map: usize): usize {
  return (map - block.mapBias) << GRANULE_SHIFT
}

// @ts-ignore: decorator
@inline
export function granulesOf(block: ObjectBlock): u32 {
  return block.bytes >> GRANULE_SHIFT
}

/** End of the map bytes of the block. */
// @ts-ignore: decorator
@inline
export function blockMapEnd(block: ObjectBlock): usize {
  return blockMap(block) + granulesOf(block)
}

/** Descriptor of a new block from what is free, as long as can be had; 0 when nothing is. */
function allocBlockUnits(): usize {
  let start = allocLowUnits(OBJECT_BLOCK_UNITS)
  if (start) return enter(start, OBJECT_BLOCK_UNITS)
  // What fourteen blocks leave of a chunk is fifteen units.
  for (let units = OBJECT_BLOCK_UNITS - 1; units >= OBJECT_BLOCK_UNITS_MIN; units--) {
    start = allocLowUnits(units)
    if (start) return enter(start, units)
  }
  return 0
}

/** A block from free memory, or by growth if `mayGrow`; 0 when there is none. */
export function makeBlock(mayGrow: bool): usize {
  let place = allocBlockUnits()
  while (!place) {
    if (!mayGrow || !(growForUnits(OBJECT_BLOCK_UNITS) || growForUnits(OBJECT_BLOCK_UNITS_MIN))) return 0
    place = allocBlockUnits()
  }
  return place
}

/** Grow so that `units` can be had at unit alignment. */
function growForUnits(units: u32): bool {
  return growForRun(min<u32>(units * UNIT_GRANULES + UNIT_GRANULES - 1, RUN_MAX_GRANULES))
}

/** Make the descriptor of a block of `units` at `start`. */
function enter(start: usize, units: u32): usize {
  const entry = entryOf(start)
  const place = unitPlace(entry, start)
  tagUnits(entry, start, units, place + 1)
  const block = changetype<ObjectBlock>(place)
  block.start = start
  block.mapBias = entry.mapBias
  block.usedGranules = 0
  block.epoch = space().collections
  block.flags = 0
  block.bytes = units << UNIT_SHIFT
  heap().objectBytes += block.bytes
  plan().blocks++
  return place
}

function tagUnits(entry: Entry, start: usize, units: u32, tag: usize): void {
  for (let i: u32 = 0; i < units; i++) {
    const place = unitPlace(entry, start + i * UNIT_BYTES)
    store<usize>(place, 0)
    store<usize>(place, tag, 4)
  }
}

/** Give a block back in which nothing lives. */
export function releaseBlock(block: ObjectBlock): void {
  const start = block.start
  const bytes = block.bytes
  check(!(start & (UNIT_BYTES - 1)), 801, start)
  memory.fill(blockMap(block), 0, bytes >> GRANULE_SHIFT)
  tagUnits(entryOf(start), start, bytes >> UNIT_SHIFT, 0)
  freeRun(start, bytes >> GRANULE_SHIFT)
  heap().objectBytes -= bytes
  plan().blocks--
}

/** The block with the lowest address above that of `block`; 0 as `block` starts, 0 ends. */
export function nextBlockAfter(block: usize): usize {
  return blockFrom(block ? changetype<ObjectBlock>(block).start + changetype<ObjectBlock>(block).bytes : heap().low)
}

/** The block with the lowest address at or above `from`. */
export function blockFrom(from: usize): usize {
  const top = heap().top
  let at = from
  while (at < top) {
    const entry = entryOf(at)
    if (entry.spanGranules && entry.lo >> CHUNK_SHIFT == at >> CHUNK_SHIFT) {
      const found = blockInChunk(entry, max(at, entry.lo))
      if (found) return found
    }
    const next = ((at >> CHUNK_SHIFT) + 1) << CHUNK_SHIFT
    if (next <= at) return 0
    at = next
  }
  return 0
}

function blockInChunk(entry: Entry, from: usize): usize {
  const hi = chunkOf(entry).hi
  for (let at = from & ~(UNIT_BYTES - 1); at < hi; at += UNIT_BYTES) {
    const found = blockOf(entry, at)
    if (found) return found
  }
  return 0
}
