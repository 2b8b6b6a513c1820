/** A walk over all old objects that count as live: those of blocks by ascending address, then the large ones. */
import { GRANULE_BYTES, GRANULE_SHIFT } from '../layout'
import { LARGE_HEAD_BYTES, MAP_OBJECT, MAP_START, PHASE_SWEEP } from '../object-layout'
import { space } from '../object-overlay'
import { entryOf, holds, mapAt } from '../overlay'
import { young } from '../young-overlay'
import { ObjectBlock, blockMap, blockMapEnd, blockOf, nextBlockAfter } from './blocks'
import { Large, largeMap, largeReference } from './large'
import { isSwept } from './sweep'

/** Call `V.object(reference)` for each of them. Objects that are made meanwhile may be left out. */
export function eachOldObject<V>(): void {
  for (let place = nextBlockAfter(0); place; place = nextBlockAfter(place)) {
    const block = changetype<ObjectBlock>(place)
    const end = blockMapEnd(block)
    for (let map = blockMap(block); map < end; map++) {
      while (!(map & 7) && map < end && !load<u64>(map)) map += 8
      if (map >= end) break
      if (isLiveByte(block, load<u8>(map))) changetype<V>(0).object(((map - block.mapBias) << GRANULE_SHIFT) + 8)
    }
  }
  for (let piece = space().large; piece; piece = changetype<Large>(piece).next) {
    if (isLargeLive(load<u8>(largeMap(piece)))) changetype<V>(0).object(largeReference(piece))
  }
}

/** Whether a map byte of a block is that of a live object's first granule: where it is swept, of any. */
// @ts-ignore: decorator
@inline
export function isLiveByte(block: ObjectBlock, byte: u32): bool {
  if ((byte & (MAP_OBJECT | MAP_START)) != (MAP_OBJECT | MAP_START)) return false
  return isSwept(block) || (byte & space().colour) != 0
}

/** The same for a large object: while sweeping goes on those without the colour are dead. */
// @ts-ignore: decorator
@inline
export function isLargeLive(byte: u32): bool {
  return young().phase != PHASE_SWEEP || (byte & space().colour) != 0
}

/** Whether the old object is marked in whose payload the word at `slot` lies. */
export function isHolderMarked(slot: usize): bool {
  const entry = entryOf(slot)
  if (holds(entry, slot & ~(GRANULE_BYTES - 1)) && blockOf(entry, slot)) {
    let map = mapAt(entry, slot)
    while (!(load<u8>(map) & MAP_START)) map--
    return (load<u8>(map) & space().colour) != 0
  }
  for (let piece = space().large; piece; piece = changetype<Large>(piece).next) {
    if (slot - piece < <usize>changetype<Large>(piece).bytes + LARGE_HEAD_BYTES) {
      return (load<u8>(largeMap(piece)) & space().colour) != 0
    }
  }
  return false
}
