/**
 * The layout of a heap: every constant that both halves need, with diagrams and invariants. Read this file first.
 *
 * It is written so that AssemblyScript and TypeScript both compile it: plain constants only. The overlays (the
 * classes through which the kernel reads these structures) are in `overlay.ts`; a test asserts that both agree.
 *
 *   range     [base ------------------------------------------------------------------------------- end)
 *             | control block | chunk table | chunk | chunk | ...           | not held yet
 *             <------------------------- held (committed) --------> top
 *
 *   chunk     one aligned MiB of the range, or the part of it that lies inside the range
 *             [ header 128 B | byte map | 16 zero bytes | unit descriptors | (pad to a unit) | units ............ )
 *             metadata                                                                      lo                hi cap
 *             The byte map has one byte per 16-byte granule of [lo, cap), the descriptors one place per unit of it.
 *             hi <= cap is where the held part ends; the map beyond hi is zero.
 *
 *   pieces    a tenant's range is all of its root heap's, of which it holds the pieces that its parent has lent it:
 *             each lies in one MiB and is one chunk, with cap = hi, at most one in each MiB; or is a MiB of a huge
 *             block. The control block begins the *home piece*. What is held lies in [low, top); between are gaps.
 *
 *   table     one 16-byte entry per MiB, found by (address >> 20) modulo the table's size:
 *             { mapBias, lo, spanGranules, unitBias }
 *               map byte of address p       mapBias + (p >> 4)
 *               descriptor of p's unit      unitBias + (p >> 12) * 32
 *               p is ours and aligned       rotr(p - lo, 4) < spanGranules        one comparison answers both
 *             A MiB inside a huge block has spanGranules = 0, lo = the block's address, unitBias = its bytes,
 *             mapBias = its code. A MiB that is not ours is all zero, or has FOREIGN_MIB in its bytes: another heap's
 *             immortal objects, which may be referred to; mapBias is then that of their map.
 *
 * Why the check is by range and not by the byte alone: the inside of a huge block, a guest's data, the metadata
 * itself and what lies past the end hold arbitrary bytes, and none of them may ever be read as a map byte.
 *
 * Invariants (asserted by `check/verify.ts`):
 *   committed = metadata + lost + free runs + pages + user runs + user huge + owned runs and huge + object blocks
 *   pages     = live small blocks + records + free slots + page tails
 *   a free run has tags at both ends and nothing else in its map; no two free runs touch
 *   a live run has its code and size at its start and zero bytes up to its end (pool and bump segments excepted)
 *   a page's map bytes are BLOCK or RECORD at live slots and zero elsewhere
 *   used + |free| + (capacity - carved) = capacity, for every page
 *   a unit that was given back to the system, or found idle, lies wholly in a free run, or in the metadata of a chunk
 *   that is wholly free
 */

/** "HPWR" in little-endian ASCII: the first word of every control block. */
export const HEAP_MAGIC: u32 = 0x52575048
/** Version of everything this file describes. A kernel attaches only to its own version. */
export const LAYOUT_VERSION: u32 = 2

// ---- grain sizes ----------------------------------------------------------------------------------------------

/** Every block is a whole number of granules at a multiple of one. */
export const GRANULE_BYTES: u32 = 16
export const GRANULE_SHIFT: u32 = 4
/** The grain of pages; also the grain in which memory can be given back to the system. */
export const UNIT_BYTES: u32 = 4096
export const UNIT_SHIFT: u32 = 12
export const UNIT_GRANULES: u32 = 256
export const CHUNK_BYTES: u32 = 1048576
export const CHUNK_SHIFT: u32 = 20
export const WASM_PAGE_BYTES: u32 = 65536
/** A heap never holds the last 64 KiB of the 4 GiB address space, so that an end address always fits 32 bits. */
export const ADDRESS_LIMIT: u32 = 0xffff0000
/** No request above this can succeed; it is refused before any arithmetic. */
export const REQUEST_MAX_BYTES: u32 = 0xfff00000
export const ALIGN_MAX_BYTES: u32 = 65536

// ---- the byte map: the 256 codes ------------------------------------------------------------------------------
//
//   code        meaning of the granule                                            written by
//   00          nothing starts here: interior, free slot, metadata                whoever frees or claims
//   01          a small block starts here                                         block/page.ts
//   02          a small block that the heap keeps for its own records             block/record.ts
//   03          an acquired block of a pool                                       arena/pool.ts
//   04 / 05     a block of `compiler` mode, live / dead                           block/bump.ts
//   08          a live run starts here, its size in the next three bytes          region/runs.ts
//   09          the same, held by an arena, a pool or the bump allocator          region/runs.ts
//   0a / 0b     a huge block starts here (user / owned); size digits: its part    region/huge.ts
//               in this chunk
//   0c          foreign memory between two parts of the heap, as a run            region/chunk.ts
//   0d / 0e     a piece that is lent to a tenant starts here: a run / a MiB       block/lend.ts
//   11 .. 17    a free run of 1 .. 7 granules, the same byte at both ends         region/runs.ts
//   18 / 19     a free run of 8 granules or more: start, then three size bytes;   region/runs.ts
//               three size bytes, then end
//   40 .. 7f    a digit of a size: six bits, lowest digit first                   with its code
//   80 .. ff    objects, bit by bit in `object-layout.ts`                         collect/

export const CODE_NONE: u32 = 0x00
export const CODE_BLOCK: u32 = 0x01
export const CODE_RECORD: u32 = 0x02
export const CODE_POOL_BLOCK: u32 = 0x03
export const CODE_BUMP_BLOCK: u32 = 0x04
export const CODE_BUMP_DEAD: u32 = 0x05
export const CODE_RUN: u32 = 0x08
export const CODE_RUN_OWNED: u32 = 0x09
export const CODE_HUGE: u32 = 0x0a
export const CODE_HUGE_OWNED: u32 = 0x0b
export const CODE_RESERVED: u32 = 0x0c
export const CODE_LENT: u32 = 0x0d
export const CODE_LENT_MIB: u32 = 0x0e
export const CODE_FREE_SMALL: u32 = 0x10
export const CODE_FREE_START: u32 = 0x18
export const CODE_FREE_END: u32 = 0x19
export const CODE_DIGIT: u32 = 0x40

/** Free runs below this many granules are tagged by FREE_SMALL + granules. */
export const FREE_TAGGED_MIN_GRANULES: u32 = 8
/** What a whole chunk can give; longer requests are huge. */
export const RUN_MAX_GRANULES: u32 = 61184
/** Live runs are never smaller, so that a code and three digits fit. */
export const RUN_MIN_GRANULES: u32 = 4

// ---- chunk ----------------------------------------------------------------------------------------------------
//
//   header   0 metadataAt  4 lo  8 hi  12 cap  16 metadataBytes  20 foreign  24..31 zero
//            32 TRIMMED: a bit per unit of the MiB, given back to the system and not used since
//            64 IDLE: the same, found free by the last look for what may be given back; never both
//            96..127 zero: the last bytes are what a look at the left neighbour of the first granule reads

export const CHUNK_HEADER_BYTES: u32 = 128
export const CHUNK_TRIMMED_AT: u32 = 32
export const CHUNK_IDLE_AT: u32 = 64
/** Bits for the 256 units of a MiB. */
export const UNIT_BITS_BYTES: u32 = 32
export const MAP_SENTINEL_BYTES: u32 = 16
export const TABLE_ENTRY_BYTES: u32 = 16
/** Low bit of the bytes in the table entry of a MiB that another heap shares with this one, see `object/owners.ts`. */
export const FOREIGN_MIB: u32 = 1

// ---- page descriptor: 32 bytes, one place per unit -------------------------------------------------------------
//
//   0 head      the descriptor of the page that this unit belongs to, 0 when the unit is in no page
//   4 free      first free block, each linked by its first word
//   8 used      live blocks                       10 slowAt    free() leaves the fast path when used gets here
//  12 mapBias   copy of the chunk's
//  16 next      20 prev                           neighbours in the class's list of partial pages
//  24 blockBytes  26 classIndex  27 units         28 carved    30 capacity

export const PAGE_BYTES: u32 = 32
export const PAGE_SHIFT: u32 = 5
/** Units of a full-grown page of most classes. */
export const PAGE_UNITS_FULL: u32 = 16
/** Some sizes just above or below a multiple of a unit need more for a tail under 2 %: 8016 bytes need 47. */
export const PAGE_UNITS_MAX: u32 = 48
/** `slowAt` of a current page: used never gets there by counting down. */
export const PAGE_CURRENT: u32 = 0xffff

// ---- size classes -----------------------------------------------------------------------------------------------

/** Largest block any class table may have. */
export const SMALL_MAX_BYTES: u32 = 8192
/** Class 0 is "no class": its page is the empty page. */
export const CLASS_MAX: u32 = 64
export const CLASS_TABLE_GEOMETRIC: u32 = 0
export const CLASS_TABLE_POW2: u32 = 1
export const CLASS_TABLE_LIST: u32 = 2
/** The geometric table as far as small blocks go, to 8 KiB: what a guest's heap has. */
export const CLASS_TABLE_WIDE: u32 = 3
/** Largest class of the geometric table. */
export const GEOMETRIC_MAX_BYTES: u32 = 2048

// ---- free runs ------------------------------------------------------------------------------------------------
//
//   bins[n]   runs of exactly n granules, n < 1024, newest first; a bit per bin and a summary bit per 32 bins
//   trie      runs of 1024 granules and more, by size: best fit in at most 16 steps
//   Both are linked through the byte map inside the free runs, see `region/links.ts`.
//   wild      the free run that ends at `top`: in neither, and cut only when nothing else is long enough

export const BIN_COUNT: u32 = 1024

// ---- control block: offsets that the host reads -----------------------------------------------------------------

export const HEAP_MAGIC_AT: u32 = 0
export const HEAP_VERSION_AT: u32 = 4
export const HEAP_BASE_AT: u32 = 8
export const HEAP_END_AT: u32 = 12
export const HEAP_TOP_AT: u32 = 16
export const HEAP_FLAGS_AT: u32 = 20
export const HEAP_TABLE_AT: u32 = 24
export const HEAP_TABLE_MASK_AT: u32 = 28
export const HEAP_COMMITTED_AT: u32 = 32
export const HEAP_COMMITTED_PEAK_AT: u32 = 36
export const HEAP_METADATA_AT: u32 = 40
export const HEAP_LOST_AT: u32 = 44
export const HEAP_FREE_AT: u32 = 48
export const HEAP_PAGES_AT: u32 = 52
export const HEAP_RUNS_AT: u32 = 56
export const HEAP_HUGE_AT: u32 = 60
export const HEAP_OWNED_AT: u32 = 64
export const HEAP_RECORDS_AT: u32 = 68
export const HEAP_ARENAS_AT: u32 = 72
export const HEAP_POOLS_AT: u32 = 76
export const HEAP_BUMP_PIECES_AT: u32 = 80
export const HEAP_BUMP_DEAD_AT: u32 = 84
export const HEAP_GROWS_AT: u32 = 88
export const HEAP_GROWS_REFUSED_AT: u32 = 92
export const HEAP_FAULT_AT: u32 = 96
export const HEAP_CLASS_COUNT_AT: u32 = 100
export const HEAP_CONTEXT_AT: u32 = 104
export const HEAP_SCRATCH_AT: u32 = 108
export const HEAP_GENERATION_AT: u32 = 112
export const HEAP_PEAK_FRAGMENT_AT: u32 = 116
export const HEAP_BIN_SUMMARY_AT: u32 = 120
export const HEAP_TRIE_ROOT_AT: u32 = 124
export const HEAP_CLASS_TABLE_AT: u32 = 128
export const HEAP_KNOBS_AT: u32 = 132
export const HEAP_LIMIT_AT: u32 = 136
export const HEAP_ZERO_FROM_AT: u32 = 140
export const HEAP_STATUS_AT: u32 = 144
export const HEAP_WILD_AT: u32 = 148
export const HEAP_RECORD_BLOCKS_AT: u32 = 152
export const HEAP_SAMPLED_OTHER_AT: u32 = 156
/** Bytes of object blocks. */
export const HEAP_OBJECTS_AT: u32 = 160
/** Address of the object space (`object-layout.ts`), 0 in a heap without objects. */
export const HEAP_SPACE_AT: u32 = 164
/** Bytes lent to tenants, part of HEAP_OWNED. */
export const HEAP_LENT_AT: u32 = 168
export const HEAP_LOW_AT: u32 = 172
export const HEAP_KEEP_AT: u32 = 176
export const HEAP_LIMIT_REFUSALS_AT: u32 = 180
/** Bytes that were given back to the system and not used since: those of metadata, and all. */
export const HEAP_TRIMMED_METADATA_AT: u32 = 184
export const HEAP_TRIMMED_AT: u32 = 188
/** How many bits TRIMMED and IDLE are set: while there are none, taking free memory need not look for them. */
export const HEAP_NOTED_AT: u32 = 192
/** Bytes of a page of the system, 0 before the first look for what may be given back. */
export const HEAP_TRIM_GRAIN_AT: u32 = 196
/** Requests of a guest that were answered with null, the largest of them in bytes, and frees of what was no block. */
export const HEAP_REFUSED_REQUESTS_AT: u32 = 200
export const HEAP_REFUSED_LARGEST_AT: u32 = 204
export const HEAP_BAD_FREES_AT: u32 = 208
export const HEAP_HEADER_BYTES: u32 = 224
/** A heap in one small buffer has none of the words from HEAP_NOTED_AT on. */
export const EMBEDDED_HEADER_BYTES: u32 = 192
export const HEAP_BIN_BITS_BYTES: u32 = 128
export const HEAP_BINS_BYTES: u32 = 4096
export const CLASS_INFO_BYTES: u32 = 32
export const CLASS_INFO_SHIFT: u32 = 5
export const SCRATCH_BYTES: u32 = 640

/** The whole range belongs to the heap; without it the heap holds only what its own growth returned. */
export const FLAG_OWNS_RANGE: u32 = 1
/** Blocks come from the bump allocator (`compiler` mode). */
export const FLAG_BUMP: u32 = 2
/** The first held bytes are known to be zero. */
export const FLAG_ZEROED: u32 = 4
/** The heap has objects: its kernel is the build with collectors. */
export const FLAG_OBJECTS: u32 = 8
/** One small buffer, laid out by the `embedded` build. */
export const FLAG_EMBEDDED: u32 = 16
/** Objects are born in a nursery. */
export const FLAG_NURSERY: u32 = 32
/** Old objects are marked in steps. */
export const FLAG_INCREMENTAL: u32 = 64
/** The heap has counted objects: its kernel is the build `heapwright-counted`. */
export const FLAG_COUNTED: u32 = 128
/** A tenant: the heap holds pieces of another one, wherever they lie; each is a chunk of its own. */
export const FLAG_PIECES: u32 = 256

/** Stress knobs, obeyed by the debug kernel only: each makes a rare branch the common one. */
/** Growth asks for exactly what is needed. */
export const KNOB_EXACT_GROWTH: u32 = 1
/** Pages never grow beyond the fewest units. */
export const KNOB_LEAST_PAGES: u32 = 2
/** Blocks are filled with POISON_FRESH when allocated and POISON_FREED when freed. */
export const KNOB_POISON: u32 = 4
/** realloc always moves when it can. */
export const KNOB_REALLOC_MOVES: u32 = 8
/** Aligned runs and pages never take the best fit, always a run that is long enough for any alignment. */
export const KNOB_NO_ALIGNED_FIT: u32 = 16
export const POISON_FRESH: u32 = 0xcd
export const POISON_FREED: u32 = 0xdd

// ---- context: what one thread keeps; `self` holds its address -----------------------------------------------------

/** Where it lies behind the control block's start. */
export const CONTEXT_OFFSET: u32 =
  HEAP_HEADER_BYTES + HEAP_BIN_BITS_BYTES + HEAP_BINS_BYTES + CLASS_MAX * CLASS_INFO_BYTES + PAGE_BYTES
export const CONTEXT_HEAP_AT: u32 = 0
export const CONTEXT_TABLE_AT: u32 = 4
export const CONTEXT_TABLE_MASK_AT: u32 = 8
export const CONTEXT_BUMP_AT: u32 = 12
export const CONTEXT_BUMP_LIMIT_AT: u32 = 16
export const CONTEXT_BUMP_MAP_AT: u32 = 20
export const CONTEXT_PEAK_AT: u32 = 24
/** 64 bits: bytes of live blocks that lie in no page (usable sizes) in the low 34, their number above. */
export const CONTEXT_LIVE_AT: u32 = 32
export const CONTEXT_PAGES_AT: u32 = 40
export const CONTEXT_CLASS_OF_AT: u32 = 296
/** One byte per granule count, 0 to SMALL_MAX_BYTES / 16, rounded up to 16. */
export const CONTEXT_CLASS_OF_BYTES: u32 = 528
export const CONTEXT_BYTES: u32 = 832

export const LIVE_BLOCK_SHIFT: u32 = 34

// ---- pieces: what a heap lends to its tenants ----------------------------------------------------------------------

/** A piece has so many WebAssembly pages or fewer, or is whole MiBs: what a chunk can give at a multiple of 64 KiB. */
export const PIECE_MAX_PAGES: u32 = 14
export const MIB_PAGES: u32 = 16
/** To the host: the wholly free piece at the argument is no longer held by this heap. */
export const REPORT_GIVEN_BACK: u32 = 0x10010

// ---- statuses: what kernel calls answer ----------------------------------------------------------------------------

export const STATUS_OK: u32 = 0
/** The address is not in any block of this heap: not ours, in metadata, or null where null is not allowed. */
export const STATUS_FOREIGN: u32 = 1
export const STATUS_MISALIGNED: u32 = 2
/** Ours, but no live block starts here: the inside of one, or free memory. */
export const STATUS_NOT_A_BLOCK: u32 = 3
export const STATUS_SIZE_MISMATCH: u32 = 4
export const STATUS_OUT_OF_MEMORY: u32 = 5
export const STATUS_BAD_ARGUMENT: u32 = 6
/** A block, but of another kind: a pool's or an arena's own, freed through the heap. */
export const STATUS_OWNED: u32 = 7
export const STATUS_CORRUPT: u32 = 8

// ---- faults: what `verify` can find; the address is in the control block -----------------------------------------

export const FAULT_NONE: u32 = 0
/** The control block's own fields contradict each other. */
export const FAULT_CONTROL: u32 = 1
/** A chunk's header, bounds or table entry is wrong. */
export const FAULT_CHUNK: u32 = 2
/** A byte of the map has a code that cannot stand there. */
export const FAULT_MAP: u32 = 3
/** The two tags of a free run disagree. */
export const FAULT_TAGS: u32 = 4
/** Two free runs touch. */
export const FAULT_ADJACENT: u32 = 5
/** A free run is not in its bin, or a bin holds what is no free run. */
export const FAULT_BIN: u32 = 6
/** A page descriptor is wrong. */
export const FAULT_PAGE: u32 = 7
/** A page's free list leads elsewhere: something was written to a block after it was freed. */
export const FAULT_FREE_LIST: u32 = 8
/** used + free + uncarved is not the page's capacity, or its map shows another number of blocks. */
export const FAULT_PAGE_COUNT: u32 = 9
/** A class's list of partial pages or its counts are wrong. */
export const FAULT_CLASS: u32 = 10
/** A huge block's table entries disagree. */
export const FAULT_HUGE: u32 = 11
/** A counter of bytes differs from what was found. */
export const FAULT_BYTES: u32 = 12
/** The count of live blocks or bytes differs from what was found. */
export const FAULT_LIVE: u32 = 13
/** in use + free + metadata + unused is not committed. */
export const FAULT_ACCOUNTING: u32 = 14
/** A pool's counts, free list or segments are wrong. */
export const FAULT_POOL: u32 = 15
/** An arena's pieces or bounds are wrong. */
export const FAULT_ARENA: u32 = 16
/** Memory that is in use counts as given back to the system or as idle, or the sums of such memory are wrong. */
export const FAULT_TRIMMED: u32 = 17

// ---- reports in the scratch area: words ---------------------------------------------------------------------------

/** classReport: blockBytes, pages, units, slots, used, tailBytes, fullPageUnits, reachable in 1/10,000. */
export const CLASS_REPORT_WORDS: u32 = 8
/** freeRunReport: runs, largest in bytes, then 32 counts by power of two of bytes. */
export const FREE_RUN_REPORT_WORDS: u32 = 34
/** totalsReport: live bytes, live blocks, peak live bytes, committed at that peak, used bytes of arenas. */
export const TOTALS_REPORT_WORDS: u32 = 5
/** trimFind: a bit per unit of the MiB that may be given back, then the bytes that were looked at. */
export const TRIM_REPORT_WORDS: u32 = 9
