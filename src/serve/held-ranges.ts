/**
 * Which parts of the memory a heap holds, from its chunk table (`kernel/layout.ts`): chunks with their metadata, and
 * huge blocks. Reads words only, some thousands at most, and asks the kernel nothing.
 */
import {
  CHUNK_HEADER_BYTES,
  EMBEDDED_HEADER_BYTES,
  FOREIGN_MIB,
  HEAP_COMMITTED_AT,
  HEAP_TABLE_AT,
  HEAP_TABLE_MASK_AT,
  TABLE_ENTRY_BYTES,
} from '../../kernel/layout.js'
import { SPACE_BYTES } from '../../kernel/object-layout.js'

/** `[from, to)`, of which the bytes below `lo` are metadata. */
export interface HeldRange {
  readonly from: number
  readonly lo: number
  readonly to: number
}

/** A table is for 4 GiB at most. */
const ENTRIES_MAX = 4096

/**
 * The ranges by ascending address; they do not overlap.
 *
 * @param words the whole memory
 * @param base where the heap's control block lies
 * @param hasTable false in the build whose heap is one buffer
 */
export function heldRanges(words: Uint32Array, base: number, hasTable: boolean): HeldRange[] {
  const word = (address: number) => words[address >>> 2] ?? 0
  if (!hasTable) {
    // The tables behind the control block lie among the objects.
    return [{ from: base, lo: base + EMBEDDED_HEADER_BYTES + SPACE_BYTES, to: base + word(base + HEAP_COMMITTED_AT) }]
  }
  const table = word(base + HEAP_TABLE_AT)
  const entries = Math.min(word(base + HEAP_TABLE_MASK_AT) / TABLE_ENTRY_BYTES + 1, ENTRIES_MAX)
  const found = new Map<number, HeldRange>()
  for (let index = 0; index < entries; index++) {
    const entry = table + index * TABLE_ENTRY_BYTES
    const [mapBias, lo, spanGranules, unitBias] = [word(entry), word(entry + 4), word(entry + 8), word(entry + 12)]
    if (lo === 0) continue
    if (spanGranules === 0) {
      // A huge block: each MiB inside it says where it begins, and how long it is. Shared objects are another heap's.
      if ((unitBias & FOREIGN_MIB) === 0) found.set(lo, { from: lo, lo, to: lo + unitBias })
      continue
    }
    const header = (mapBias + (lo >>> 4) - CHUNK_HEADER_BYTES) >>> 0
    found.set(lo, { from: Math.min(header, lo), lo, to: word(header + 8) })
  }
  const ranges = [...found.values()].filter(({ lo, to }) => to > lo).sort((a, b) => a.from - b.from)
  // The control block and the table lie before the first bytes of the metadata of their chunk.
  const home = ranges.find(({ to }) => to > base)
  if (home && base < home.from) ranges[ranges.indexOf(home)] = { ...home, from: base }
  return ranges
}
