/** Reports for the host, written into the control block's scratch area; the words are listed in `layout.ts`. */
import { arenasUsed } from '../arena/arena'
import { liveBlocks, liveBytes, samplePeakWith, usedOfClass } from '../block/count'
import { CHUNK_SHIFT, GRANULE_SHIFT, UNIT_BYTES, UNIT_SHIFT } from '../layout'
import { Entry, Page, chunkOf, classInfo, context, entryOf, heap, mapAt } from '../overlay'
import { objectBlockBytes, unitTag } from '../region/piece'
import { freeGranulesFromStart, granulesFromStart, isFreeCode, isLiveRunCode } from '../region/tags'

// @ts-ignore: decorator
@inline
function put(index: u32, value: u32): void {
  store<u32>(heap().scratch + (index << 2), value)
}

// @ts-ignore: decorator
@inline
function add(index: u32, value: u32): void {
  const at = heap().scratch + (index << 2)
  store<u32>(at, load<u32>(at) + value)
}

/** What a size class holds. False when there is no class `index`. */
export function classReport(index: u32): bool {
  if (!index || index > heap().classCount) return false
  const info = classInfo(index)
  const bytes = <u32>info.blockBytes
  const fullBytes = <u32>info.fullUnits << UNIT_SHIFT
  put(0, bytes)
  put(1, info.pages)
  put(2, info.units)
  put(3, info.slots)
  put(4, usedOfClass(index))
  put(5, (info.units << UNIT_SHIFT) - info.slots * bytes)
  put(6, info.fullUnits)
  put(7, ((fullBytes / bytes) * bytes * 10000) / fullBytes)
  return true
}

/** The free runs by power of two of their bytes. */
export function freeRunReport(): void {
  for (let i: u32 = 0; i < 34; i++) put(i, 0)
  const lastMib = <u32>((heap().top - 1) >> CHUNK_SHIFT)
  for (let mib = <u32>(heap().low >> CHUNK_SHIFT); mib <= lastMib; mib++) {
    const entry = entryOf(<usize>mib << CHUNK_SHIFT)
    if (entry.spanGranules && entry.lo >> CHUNK_SHIFT == mib) addFreeRuns(entry)
  }
}

function addFreeRuns(entry: Entry): void {
  const hi = chunkOf(entry).hi
  let at = entry.lo
  while (at < hi) {
    const place = entry.unitBias + ((at >> UNIT_SHIFT) << 5)
    const head = load<usize>(place)
    if (head && !(at & ((1 << UNIT_SHIFT) - 1))) {
      at += <usize>max<u32>(changetype<Page>(head).units, 1) << UNIT_SHIFT
      continue
    }
    if (unitTag(entry, at)) {
      at += max<u32>(objectBlockBytes(entry, at), UNIT_BYTES)
      continue
    }
    const map = mapAt(entry, at)
    const code = <u32>load<u8>(map)
    let granules: u32 = 1
    if (isFreeCode(code)) {
      granules = freeGranulesFromStart(map)
      const bytes = granules << GRANULE_SHIFT
      add(0, 1)
      add(2 + 31 - clz(bytes), 1)
      if (bytes > load<u32>(heap().scratch + 4)) put(1, bytes)
    } else if (isLiveRunCode(code)) granules = granulesFromStart(map)
    // On a damaged map the walk still ends.
    at += <usize>max<u32>(granules, 1) << GRANULE_SHIFT
  }
}

/** Totals that are not plain fields of the control block. */
export function totalsReport(): void {
  samplePeakWith(arenasUsed())
  put(0, liveBytes())
  put(1, liveBlocks())
  put(2, context().peakBytes)
  put(3, heap().committedAtPeakBytes)
  put(4, arenasUsed())
}
