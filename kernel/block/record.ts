/**
 * The heap's own records (of arenas and pools): small blocks, or runs where there are no small blocks, whose map code
 * keeps users from freeing them. They count as metadata.
 */
import { CODE_BLOCK, CODE_RECORD, CODE_RUN_OWNED, FLAG_BUMP, GRANULE_BYTES, GRANULE_SHIFT } from '../layout'
import { entryOf, heap, holds, mapAt, pageOf } from '../overlay'
import { allocOrGrowRun } from '../region/grow'
import { releaseRun, runGranules } from '../region/runs'
import { granulesFromStart } from '../region/tags'
import { alloc, free, smallClass } from './alloc'

/** First word of every record, so that its kind can be checked. Odd: never the first word of an owned run, a link. */
export const RECORD_ARENA: u32 = 0x6e657241 | 1
export const RECORD_POOL: u32 = 0x6c6f6f51 | 1

/** A zeroed record of `bytes`, its first word `kind`; 0 when out of memory. */
export function allocRecord(bytes: u32, kind: u32): usize {
  let record: usize
  let usable: u32
  if (heap().flags & FLAG_BUMP || !smallClass(bytes)) {
    const granules = runGranules(bytes)
    record = allocOrGrowRun(granules, GRANULE_BYTES, CODE_RUN_OWNED)
    if (!record) return 0
    usable = granules << GRANULE_SHIFT
    heap().ownedBytes += usable
  } else {
    record = alloc(bytes)
    if (!record) return 0
    const entry = entryOf(record)
    usable = pageOf(entry, record).blockBytes
    heap().recordBlocks++
    store<u8>(mapAt(entry, record), <u8>CODE_RECORD)
  }
  heap().recordBytes += usable
  memory.fill(record, 0, bytes)
  store<u32>(record, kind)
  return record
}

/** Whether `record` is a live record of `kind`. Any address may be asked. */
export function isRecord(record: usize, kind: u32): bool {
  const entry = entryOf(record)
  if (!holds(entry, record)) return false
  const code = <u32>load<u8>(mapAt(entry, record))
  return (code == CODE_RECORD || code == CODE_RUN_OWNED) && load<u32>(record) == kind
}

export function freeRecord(record: usize): void {
  const entry = entryOf(record)
  const map = mapAt(entry, record)
  store<u32>(record, 0)
  if (load<u8>(map) == CODE_RECORD) {
    const usable = <u32>pageOf(entry, record).blockBytes
    heap().recordBytes -= usable
    store<u8>(map, <u8>CODE_BLOCK)
    heap().recordBlocks--
    free(record)
    return
  }
  const usable = granulesFromStart(map) << GRANULE_SHIFT
  heap().recordBytes -= usable
  heap().ownedBytes -= usable
  releaseRun(record)
}
