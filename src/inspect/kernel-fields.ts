/**
 * Places in the structures of the kernel that only somebody who looks at all of the memory reads, each as the class in
 * the named file has it. The accounting of `memory-walk.ts`, which has to come out at the byte, would not forgive a
 * wrong one. What guests and the host's calls use is in `kernel/layout.ts` and the layouts beside it.
 */

// ---- chunk header (kernel/overlay.ts, Chunk) and page descriptor (Page)
export const CHUNK_METADATA_AT = 0
export const CHUNK_LO_AT = 4
export const CHUNK_HI_AT = 8
export const CHUNK_METADATA_BYTES_AT = 16
export const PAGE_BLOCK_BYTES_AT = 24
export const PAGE_UNITS_AT = 27
export const PAGE_CAPACITY_AT = 30

// ---- chunk table entry (kernel/overlay.ts, Entry)
export const ENTRY_MAP_BIAS_AT = 0
export const ENTRY_LO_AT = 4
export const ENTRY_SPAN_AT = 8
export const ENTRY_UNIT_BIAS_AT = 12

// ---- arenas (kernel/arena/arena.ts), pools (kernel/arena/pool.ts), slotted pieces (kernel/region/piece.ts)
export const RECORD_NEXT_AT = 4
export const ARENA_PIECE_AT = 32
export const ARENA_PIECE_PREV_AT = 0
export const POOL_FIRST_AT = 32
export const SEGMENT_NEXT_AT = 4
/**
 * First word of a piece of the bump allocator (kernel/block/bump.ts), a large object's (kernel/collect/large.ts), an
 * image's.
 */
export const PIECE_NEXT_AT = 0

// ---- roots (kernel/root/handles.ts, kernel/root/lists.ts)
export const HANDLES_PREV_AT = 0
export const HANDLES_NEXT_AT = 4
export const HANDLES_END_AT = 8
export const ROOT_SEGMENT_NEXT_AT = 0
export const ROOT_SEGMENT_END_AT = 4
/** Of an entry of finalizers: { object, id }. */
export const FINALIZER_BYTES = 8

// ---- the plan's words from SPACE_PLAN_AT (kernel/collect/plan-state.ts) and SPACE_YOUNG_PLAN_AT on (young-overlay.ts)
export const PLAN_KEPT_STACK_AT = 44
export const YOUNG_PIECE_AT = 0
export const YOUNG_MAP_PIECE_AT = 4
export const YOUNG_RESERVE_AT = 188

// ---- weak tables (kernel/object/weak.ts)
export const WEAK_TABLE_HEAD_BYTES = 16
export const WEAK_ENTRY_BYTES = 12
export const WEAK_VALUE_AT = 4

// ---- the buffer of `embedded` (kernel/buffer/buffer-state.ts, blocks.ts)
export const BUFFER_BLOCKS_FROM_AT = 0
export const BUFFER_BLOCK_HEAD_BYTES = 8
export const BUFFER_BLOCK_STATE_AT = 4
export const BUFFER_BLOCK_FREED = 0
export const BUFFER_BLOCK_TABLE = 1
