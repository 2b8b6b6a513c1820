/**
 * The control block's tables and their places behind its header:
 *
 *   [ header | bin bits | bins | classes | empty page | context | object space | scratch | chunk table ]
 *
 * The object space is there in the build with objects only.
 */
import { alignUp } from '../bits/align'
import {
  CHUNK_SHIFT,
  CONTEXT_BYTES,
  CONTEXT_OFFSET,
  FLAG_PIECES,
  HEAP_BINS_BYTES,
  HEAP_BIN_BITS_BYTES,
  SCRATCH_BYTES,
  TABLE_ENTRY_BYTES,
  UNIT_BYTES,
} from '../layout'
import { SPACE_ALL_BYTES } from '../object-layout'
import { Heap, heap } from '../overlay'

export const BINS_BYTES: u32 = HEAP_BIN_BITS_BYTES + HEAP_BINS_BYTES
export const SPACE_OFFSET: u32 = CONTEXT_OFFSET + CONTEXT_BYTES
// @ts-ignore: set by --use
export const SCRATCH_OFFSET: u32 = SPACE_OFFSET + (HW_OBJECTS ? SPACE_ALL_BYTES : 0)
export const TABLE_OFFSET: u32 = SCRATCH_OFFSET + SCRATCH_BYTES

/** Entries of the chunk table: a power of two, at least one per MiB of the range. */
export function tableEntries(base: usize, end: usize): u32 {
  const mibs = <u32>(((end - 1) >> CHUNK_SHIFT) - (base >> CHUNK_SHIFT) + 1)
  return mibs == 1 ? 1 : <u32>1 << (32 - clz(mibs - 1))
}

/** What a heap's `tableMask` must be. A tenant's table covers all addresses up to its end: its pieces lie anywhere. */
export function tableMaskOf(h: Heap): u32 {
  return (tableEntries(h.flags & FLAG_PIECES ? 0 : h.base, h.end) - 1) << 4
}

/** Bytes of the control block with its tables: up to the first chunk. */
export function controlBytes(): u32 {
  const h = heap()
  const entries = (h.tableMask >> 4) + 1
  return alignUp(TABLE_OFFSET + entries * TABLE_ENTRY_BYTES, UNIT_BYTES)
}
