/** What a heap's own words say of the units that it has given back, read from the outside. */
import {
  CHUNK_HEADER_BYTES,
  CHUNK_IDLE_AT,
  CHUNK_SHIFT,
  CHUNK_TRIMMED_AT,
  HEAP_TABLE_AT,
  HEAP_TABLE_MASK_AT,
  TABLE_ENTRY_BYTES,
  UNIT_BYTES,
} from '../../kernel/layout.js'
import type { Heap } from '../../src/index.js'

/** Addresses of the units that count as given back, or with `idle` as found free. */
export function* notedUnits(heap: Heap, which: 'trimmed' | 'idle'): IterableIterator<number> {
  const words = new Uint32Array(heap.memory.buffer)
  const word = (at: number) => words[at >>> 2] as number
  const table = word(heap.base + HEAP_TABLE_AT)
  const entries = word(heap.base + HEAP_TABLE_MASK_AT) / TABLE_ENTRY_BYTES + 1
  for (let index = 0; index < entries; index++) {
    const entry = table + index * TABLE_ENTRY_BYTES
    const [mapBias, lo, span] = [word(entry), word(entry + 4), word(entry + 8)]
    if (lo === 0 || span === 0) continue
    const chunk = (mapBias + (lo >>> 4) - CHUNK_HEADER_BYTES) >>> 0
    const bits = chunk + (which === 'trimmed' ? CHUNK_TRIMMED_AT : CHUNK_IDLE_AT)
    const mib = (lo >>> CHUNK_SHIFT) * 2 ** CHUNK_SHIFT
    for (let unit = 0; unit < 256; unit++) {
      if ((word(bits + (unit >>> 5) * 4) >>> (unit & 31)) & 1) yield mib + unit * UNIT_BYTES
    }
  }
}

/** Fails when a byte of what counts as given back is not zero: it was used, and still counts as gone. */
export function expectGone(heap: Heap): number {
  const memory = Buffer.from(heap.memory.buffer)
  const zeros = Buffer.alloc(UNIT_BYTES)
  let bytes = 0
  for (const at of notedUnits(heap, 'trimmed')) {
    if (zeros.compare(memory, at, at + UNIT_BYTES) !== 0) {
      throw new Error(`the unit at ${at} counts as given back, and is not zero`)
    }
    bytes += UNIT_BYTES
  }
  return bytes
}
