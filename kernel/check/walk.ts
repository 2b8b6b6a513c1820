/**
 * Walking what is there: live blocks in the order of their addresses, and what an address points into. Reads the byte
 * map only; costs eight granules a step.
 */
import { usableSize } from '../block/alloc'
import {
  CHUNK_SHIFT,
  CODE_BLOCK,
  CODE_BUMP_BLOCK,
  CODE_DIGIT,
  CODE_HUGE,
  CODE_NONE,
  CODE_POOL_BLOCK,
  CODE_RUN,
  GRANULE_BYTES,
  GRANULE_SHIFT,
} from '../layout'
import { MAP_OBJECT } from '../object-layout'
import { Entry, chunkOf, entryOf, heap, holds, mapAt, pageOf, pageStart } from '../overlay'
import { hugeAround, hugeCode } from '../region/huge'
import { unitTag } from '../region/piece'
import { addressOf } from '../overlay'

/** Whether a live block of the user starts where the map has this code. */
function isUserCode(code: u32): bool {
  return (
    code == CODE_BLOCK ||
    code == CODE_RUN ||
    code == CODE_HUGE ||
    code == CODE_POOL_BLOCK ||
    code == CODE_BUMP_BLOCK
  )
}

/** Address of the live block of the user with the lowest address above `p`, 0 when there is none. `p` 0 starts. */
export function nextBlock(p: usize): usize {
  const above = (p & ~(GRANULE_BYTES - 1)) + GRANULE_BYTES
  if (above < p) return 0
  let from = max<usize>(above, heap().low)
  const top = heap().top
  while (from < top && from >= GRANULE_BYTES) {
    const mib = from >> CHUNK_SHIFT
    const entry = entryOf(from)
    if (!entry.spanGranules) {
      const start = entry.lo
      if (start && start == mib << CHUNK_SHIFT && from <= start && hugeCode(entry) == CODE_HUGE) return start
    } else if (entry.lo >> CHUNK_SHIFT == mib) {
      const found = nextInChunk(entry, max(from, entry.lo))
      if (found) return found
    }
    const following = (mib + 1) << CHUNK_SHIFT
    if (!following) return 0
    from = following
  }
  return 0
}

function nextInChunk(entry: Entry, from: usize): usize {
  const end = mapAt(entry, chunkOf(entry).hi)
  let map = mapAt(entry, from)
  while (map < end) {
    if (!(map & 7) && map + 8 <= end && !load<u64>(map)) {
      map += 8
      continue
    }
    if (isUserCode(load<u8>(map))) return (map - entry.mapBias) << GRANULE_SHIFT
    map++
  }
  return 0
}

/** Start of the live block of the user that `p` points into, 0 when it points into none. */
export function blockAround(p: usize): usize {
  const inHuge = hugeAround(p)
  if (inHuge) return usableSize(inHuge) ? inHuge : 0
  const granule = p & ~(GRANULE_BYTES - 1)
  const entry = entryOf(granule)
  if (!holds(entry, granule)) return 0
  const page = pageOf(entry, granule)
  if (addressOf(page)) {
    const start = pageStart(page)
    const block = start + (((p - start) / page.blockBytes) as usize) * page.blockBytes
    return usableSize(block) ? block : 0
  }
  const map = codeBefore(mapAt(entry, granule), mapAt(entry, entry.lo))
  // Pool slots and bump blocks lie inside a run: the nearest code is what counts.
  if (!map || !isUserCode(load<u8>(map))) return 0
  const block = (map - entry.mapBias) << GRANULE_SHIFT
  return p - block < usableSize(block) ? block : 0
}

/**
 * The nearest map byte at or before `map` that is a code, not a digit and not zero; 0 when there is none from `first`
 * on.
 */
function codeBefore(map: usize, first: usize): usize {
  while (map >= first) {
    if (!(map & 7) && map >= first + 8 && !load<u8>(map) && !load<u64>(map - 8)) {
      map -= 8
      continue
    }
    const code = <u32>load<u8>(map)
    if (code != CODE_NONE && code < CODE_DIGIT) return map
    map--
  }
  return 0
}

/**
 * The code of the run or slot that `p` lies in: 0 for a free slot of a page, 0xffff when `p` lies in no chunk of ours.
 * Costs a look at the map from there back to the run's start.
 */
export function codeAround(p: usize): u32 {
  const granule = p & ~(GRANULE_BYTES - 1)
  const entry = entryOf(granule)
  if (!holds(entry, granule)) return hugeAround(p) ? hugeCode(entry) : 0xffff
  const page = pageOf(entry, granule)
  if (addressOf(page)) {
    const start = pageStart(page)
    return load<u8>(mapAt(entry, start + ((granule - start) / page.blockBytes) * page.blockBytes))
  }
  if (unitTag(entry, granule)) return MAP_OBJECT
  const map = codeBefore(mapAt(entry, granule), mapAt(entry, entry.lo))
  return map ? <u32>load<u8>(map) : 0
}

/** The map code at `p`'s granule: 0xffff when `p` lies in no chunk of ours, plus 0x100 when its unit is in a page. */
export function describe(p: usize): u32 {
  const granule = p & ~(GRANULE_BYTES - 1)
  const entry = entryOf(granule)
  if (!holds(entry, granule)) return hugeAround(p) ? hugeCode(entry) : 0xffff
  const page = pageOf(entry, granule)
  if (!addressOf(page)) return load<u8>(mapAt(entry, granule))
  const isSlot = (granule - pageStart(page)) % page.blockBytes == 0
  return <u32>load<u8>(mapAt(entry, granule)) | (isSlot ? 0x100 : 0x200)
}
