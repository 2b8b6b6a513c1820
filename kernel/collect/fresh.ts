/**
 * Fresh objects: those allocated since the last collection. Allocation writes nothing into the map, so that its fast
 * path is a bump and a header; where holes were filled, FRESH_FROM and FRESH_END say from where to where. Whoever must
 * find objects by their map bytes (a look at any address, a walk, the verifier, a count) first makes them: each fresh
 * object then has its bytes, without a colour.
 */
import { GRANULE_SHIFT } from '../layout'
import {
  CODE_FRESH_END,
  CODE_FRESH_FROM,
  MAP_OBJECT,
  MAP_SPAN,
  MAP_START,
} from '../object-layout'
import { space, typeInfo } from '../object-overlay'
import { entryOf } from '../overlay'
import { objectBytes, typeOf } from '../object/header'
import { ObjectBlock, addressAt, blockMap, blockMapEnd, nextBlockAfter } from './blocks'
import { hasNursery } from '../young-overlay'
import { tagYoung } from './nursery'
import { plan } from './plan-state'

/** Write the map bytes of an object of a block, with `colour` or 0. */
// @ts-ignore: decorator
@inline
export function tagObject(mapBias: usize, header: usize, bytes: u32, colour: u32): void {
  const map = mapBias + (header >> GRANULE_SHIFT)
  const last = mapBias + ((header + bytes - 1) >> GRANULE_SHIFT)
  if (last == map) store<u8>(map, <u8>(MAP_OBJECT | MAP_START | colour))
  else {
    store<u8>(map, <u8>(MAP_OBJECT | MAP_START | MAP_SPAN | colour))
    store<u8>(last, <u8>(MAP_OBJECT | MAP_SPAN | colour))
  }
}

/** Mark [from, to) of a hole as filled with fresh objects and [to, limit) as empty. */
export function closeHole(from: usize, to: usize, limit: usize): void {
  if (from >= to) return
  const mapBias = entryOf(from).mapBias
  store<u8>(mapBias + (from >> GRANULE_SHIFT), <u8>CODE_FRESH_FROM)
  if (to < limit) store<u8>(mapBias + (to >> GRANULE_SHIFT), <u8>CODE_FRESH_END)
}

/** Give every object of [from, to) its map bytes; they lie back to back. Where it ended. */
function tagAll(from: usize, to: usize): usize {
  if (from >= to) return from
  const mapBias = entryOf(from).mapBias
  let at = from
  while (at < to) {
    const bytes = objectBytes(at + 8)
    // A header that a program has overwritten must not lead out of the block; the verifier will find it.
    if (bytes < 16 || bytes > <u32>(to - at)) return to
    tagObject(mapBias, at, bytes, 0)
    at += bytes
  }
  return at
}

/** Make the map bytes of the objects in the holes that are being filled, or in the nursery. */
export function tagOpenHoles(): void {
  if (hasNursery()) {
    tagYoung()
    return
  }
  const s = space()
  const p = plan()
  if (s.bump) p.holeStart = tagAll(p.holeStart, s.bump)
  if (p.mediumBump) p.mediumStart = tagAll(p.mediumStart, p.mediumBump)
}

/** Make the map bytes of every fresh object in the closed holes of a block. */
export function tagFresh(block: ObjectBlock): void {
  const map = blockMap(block)
  const end = blockMapEnd(block)
  for (let at = map; at < end; at++) {
    if (!(at & 7)) {
      while (at < end && !load<u64>(at)) at += 8
      if (at >= end) return
    }
    if (load<u8>(at) == <u8>CODE_FRESH_FROM) tagHole(block, at, end)
  }
}

function tagHole(block: ObjectBlock, from: usize, mapEnd: usize): void {
  let end = from + 1
  while (end < mapEnd && !load<u8>(end)) end++
  tagAll(addressAt(block, from), addressAt(block, end))
  if (end < mapEnd && load<u8>(end) == <u8>CODE_FRESH_END) store<u8>(end, 0)
}

/** The same in all blocks: afterwards each object of a swept block has its bytes. */
export function tagAllFresh(): void {
  tagOpenHoles()
  for (let block = nextBlockAfter(0); block; block = nextBlockAfter(block)) tagFresh(changetype<ObjectBlock>(block))
}

/**
 * Add the objects of blocks that have map bytes without a colour to their types' counts. `tagAllFresh` comes before.
 */
export function countFresh(): void {
  for (let place = nextBlockAfter(0); place; place = nextBlockAfter(place)) {
    const block = changetype<ObjectBlock>(place)
    const end = block.start + block.bytes
    for (let at = block.start; at < end; at += 16) {
      if ((load<u8>(block.mapBias + (at >> GRANULE_SHIFT)) & ~MAP_SPAN) != <u8>(MAP_OBJECT | MAP_START)) continue
      typeInfo(typeOf(at + 8)).allocated++
    }
  }
}
