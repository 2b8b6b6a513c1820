/**
 * The layout of objects: header, type table, roots, and the block of words through which programs and collectors meet.
 * Plain constants that both halves compile, like `layout.ts`, which says what lies around them.
 *
 *   object     at a multiple of 16 (of 8 in the `embedded` build)
 *              [ type : 20 | flags : 12 ][ payload bytes : 32 ][ payload ........ ]
 *                header, 8 bytes                               ^ a reference is the address of the payload; 0 is null.
 *                                                                Where a reference may be there may be any word
 *
 *   payload    [ fixed part ][ element ][ element ] ...        elements only where the type has a trailing array
 *              Its bytes are in the header, exactly; the object takes 8 more, rounded up to its grain.
 *
 *   map byte   1 object | start | span | colour A | colour B | pinned | fresh | forwarded
 *              7          6       5      4          3          2        1       0
 *              at the first granule: start, and span if there are more; at the last of several: span alone.
 *              An object is live when its byte has the current colour; the two colours take turns.
 *              What was allocated since the last collection has no bytes of its own: a byte FRESH_FROM stands where
 *              such objects begin, back to back, and FRESH_END where they end before the next byte that is not zero.
 *
 *   block      16 units (64 KiB), at the end of a chunk fewer, of objects of up to OBJECT_SMALL_MAX_BYTES, filled by
 *              bumping through its holes. Its descriptor lies in the place of its first unit; the second word of every
 *              unit's place is its address + 1
 *   large      a longer object is a piece of its own: [ piece head, 64 bytes ][ object ]
 *
 * Invariants (asserted by `check/objects.ts`):
 *   every word in a live object, a root or a stack that has the low bits of a reference points behind the header of a
 *   live object; other words are the program's, see `value-layout.ts`
 *   type < types known; payload bytes = fixed part + a whole number of elements
 *   no two objects overlap; bytes between objects of a swept block are zero in the map
 *   after a cycle: marked = reachable from the roots
 */

// ---- header -----------------------------------------------------------------------------------------------------

export const OBJECT_HEADER_BYTES: u32 = 8
export const TYPE_MASK: u32 = 0xfffff
/** Most types: ids 1 to this, the built-in ones among them. */
export const TYPE_MAX: u32 = 0xfffff
/** Flags of the heap's own. */
export const OBJECT_HASHED: u32 = 1 << 20
/** The object is part of an image: never written, never collected. */
export const OBJECT_IMMORTAL: u32 = 1 << 21
/** `embedded` keeps the mark here, the other builds in the map. */
export const OBJECT_MARK: u32 = 1 << 31
/** Flags that belong to the user: bits 23 to 30, read and written as one number of eight bits. */
export const OBJECT_USER_SHIFT: u32 = 23
export const OBJECT_USER_MASK: u32 = 0x7f800000

/** Longest object of a block, header included; longer ones are large. */
export const OBJECT_SMALL_MAX_BYTES: u32 = 8192
/** Objects above this do not make a hole be given up: they go to a block of their own. */
export const OBJECT_MEDIUM_BYTES: u32 = 256
/** Longest payload. */
export const OBJECT_MAX_BYTES: u32 = 0x7ffffff0
export const OBJECT_BLOCK_BYTES: u32 = 65536
export const OBJECT_BLOCK_UNITS: u32 = 16
/** Where a block's descriptor has its bytes. */
export const OBJECT_BLOCK_BYTES_AT: u32 = 28
/** Units of the smallest block: longer than any object in one. */
export const OBJECT_BLOCK_UNITS_MIN: u32 = 4
export const OBJECT_BLOCK_GRANULES: u32 = 4096
/** Longest piece of an image that holds several objects: it lies in one chunk. */
export const IMAGE_MAX_BYTES: u32 = 512 << 10
/** Words of a shared segment's head: the one made before it, where it begins, its bytes, the bias of its map. */
export const SHARED_NEXT_AT: u32 = 0
export const SHARED_START_AT: u32 = 4
export const SHARED_BYTES_AT: u32 = 8
export const SHARED_MAP_BIAS_AT: u32 = 12
/** Head of a piece that holds a large object or an image, out of the way of the run's tag. */
export const LARGE_HEAD_BYTES: u32 = 64

// ---- map byte -----------------------------------------------------------------------------------------------------

export const MAP_OBJECT: u32 = 0x80
export const MAP_START: u32 = 0x40
export const MAP_SPAN: u32 = 0x20
export const MAP_COLOUR_A: u32 = 0x10
export const MAP_COLOUR_B: u32 = 0x08
export const MAP_PINNED: u32 = 0x04
export const MAP_FORWARDED: u32 = 0x01
/** While marking, of a marked object that found no room on the mark stack: not scanned, or not to its end. */
export const MAP_GREY: u32 = 0x02
export const MAP_GREY_REST: u32 = 0x04
export const CODE_FRESH_FROM: u32 = 0x82
export const CODE_FRESH_END: u32 = 0x83
/** Every byte of the nursery's map: marked in either colour, so that marking passes young objects by. */
export const MAP_YOUNG: u32 = 0x9a
/** What null's byte reads as, and what an immortal object's has: marked in either colour. */
export const MAP_ALWAYS: u32 = 0xd8

// ---- types: 32 bytes each, id 0 unused ------------------------------------------------------------------------------
//
//   0 shape u8   1 trail u8   2 refs u16     what the marker reads first
//   4 fixedBytes u32                         payload bytes of the fixed part; the trailing array begins there
//   8 refMask u32                            MASK: words of the fixed part that are references (bit n: offset 4n)
//                                            LIST: address of `refs` offsets of 16 bits each
//  12 elementBytes u16  14 (0) u16           of the trailing array; 0 without one
//  16 elementMask u32                        MIXED: words of an element that are references
//  20 textAt u32  24 textBytes u32           name and description in UTF-8, written by whoever registers the type
//  28 allocated u32                          objects ever allocated, counted at collections when asked for

export const TYPE_BYTES: u32 = 32
export const TYPE_SHIFT: u32 = 5

/** No references at all. */
export const SHAPE_LEAF: u32 = 0
/** `refs` references at the start of the payload, none elsewhere. */
export const SHAPE_PREFIX: u32 = 1
/** The same, and every element of the trailing array is a reference. */
export const SHAPE_REFS: u32 = 2
/** References where `refMask` says, none in the trailing array. */
export const SHAPE_MASK: u32 = 3
/** References at the offsets of a list, none in the trailing array. */
export const SHAPE_LIST: u32 = 4
/** As PREFIX, and in each element where `elementMask` says. */
export const SHAPE_MIXED: u32 = 5
/** The first word refers weakly: it does not keep its object, and becomes null when that dies. */
export const SHAPE_WEAK: u32 = 6
/** A table of weak map entries: a value is kept while the table and its key are. */
export const SHAPE_EPHEMERONS: u32 = 7
/**
 * As PREFIX, and the trailing array has wide values of 8 bytes: one whose upper half is WIDE_REFERENCE has a word in
 * its lower half, any other one holds no reference, whatever its bits. TRAIL_BYTES.
 */
export const SHAPE_WIDE: u32 = 8

export const TRAIL_NONE: u32 = 0
export const TRAIL_BYTES: u32 = 1
export const TRAIL_REFS: u32 = 2
export const TRAIL_MIXED: u32 = 3

/** Types that every heap has. The user's begin at TYPE_FIRST_USER. */
export const TYPE_WEAK_REF: u32 = 1
export const TYPE_WEAK_MAP: u32 = 2
export const TYPE_WEAK_TABLE: u32 = 3
export const TYPE_FIRST_USER: u32 = 4

// ---- roots --------------------------------------------------------------------------------------------------------
//
//   handles    slots of four bytes in segments that never move: [ prev ][ next ][ end ][ 0 ][ slot ] ...
//              a scope is the top when it was opened; closing it clears the slots above
//   root list  [ next ][ end ][ magic ][ kind ][ slot ] ...     a free slot holds the next free one's address + 1. So
//              may a root, an integer: a bit for each slot in the segment says which it is
//              ROOT_SLOT has slots of two words: the address of a word elsewhere that is a root, and a word for the
//              collector

export const ROOT_STRONG: u32 = 0
/** Strong, and its object does not move. */
export const ROOT_PINNED: u32 = 1
/** A word of four bytes anywhere in memory that holds a reference. */
export const ROOT_SLOT: u32 = 2
/** Does not keep its object; becomes 0 when that dies. */
export const ROOT_WEAK: u32 = 3
export const ROOT_KINDS: u32 = 4
export const SEGMENT_HEAD_BYTES: u32 = 16

// ---- the object space: words at `space`, whose address the control block holds -------------------------------------

/** Bump pointer and limit of the current hole: `p = bump; if (p + bytes <= limit) bump = p + bytes; else call`. */
export const SPACE_BUMP_AT: u32 = 0
export const SPACE_LIMIT_AT: u32 = 4
/** Shadow stack of slots that the program reads again after every call that may collect: base <= top <= limit. */
export const SPACE_SHADOW_TOP_AT: u32 = 8
export const SPACE_SHADOW_LIMIT_AT: u32 = 12
export const SPACE_SHADOW_BASE_AT: u32 = 16
/** Shadow stack of slots whose objects must not move, for programs that keep copies. */
export const SPACE_PIN_TOP_AT: u32 = 20
export const SPACE_PIN_LIMIT_AT: u32 = 24
export const SPACE_PIN_BASE_AT: u32 = 28
/** Two roots that language runtimes need. */
export const SPACE_GLOBAL_OBJECT_AT: u32 = 32
export const SPACE_PENDING_EXCEPTION_AT: u32 = 36
export const SPACE_TYPES_AT: u32 = 40
/** Types known, built-in ones included: the highest id. */
export const SPACE_TYPE_COUNT_AT: u32 = 44
export const SPACE_TYPE_CAPACITY_AT: u32 = 48
export const SPACE_HANDLE_TOP_AT: u32 = 52
export const SPACE_HANDLE_LIMIT_AT: u32 = 56
export const SPACE_HANDLE_SEGMENT_AT: u32 = 60
/** Four root lists: first segment, first free slot. */
export const SPACE_ROOTS_AT: u32 = 64
/** Finalizers: a table of { object, id }; registered ones from the front, in order; ready ids from the back. */
export const SPACE_FINALIZERS_AT: u32 = 96
export const SPACE_FINALIZER_COUNT_AT: u32 = 100
export const SPACE_FINALIZER_CAPACITY_AT: u32 = 104
export const SPACE_FINALIZER_READY_AT: u32 = 108
export const SPACE_FINALIZER_TAKEN_AT: u32 = 112
/** Identity hashes: a table of { object, hash, pending } and an index over it. */
export const SPACE_HASHES_AT: u32 = 116
export const SPACE_HASH_COUNT_AT: u32 = 120
export const SPACE_HASH_CAPACITY_AT: u32 = 124
export const SPACE_HASH_STATE_AT: u32 = 128
/** Why the last call on objects that answered 0 did so: `STATUS_…`. */
export const SPACE_STATUS_AT: u32 = 132
export const SPACE_COLOUR_AT: u32 = 136
/** `POLICY_…`. */
export const SPACE_POLICY_AT: u32 = 140
export const SPACE_MARK_STACK_AT: u32 = 144
export const SPACE_MARK_STACK_END_AT: u32 = 148
/** Times the mark stack overflowed in the last collection. */
export const SPACE_OVERFLOWS_AT: u32 = 152
/** Bytes that may be allocated before the next collection, and bytes of holes handed out since the last one. */
export const SPACE_BUDGET_AT: u32 = 156
export const SPACE_ALLOCATED_AT: u32 = 160
/** What the last collection found: bytes (headers and padding included) and objects. */
export const SPACE_LIVE_BYTES_AT: u32 = 164
export const SPACE_LIVE_OBJECTS_AT: u32 = 168
export const SPACE_COLLECTIONS_AT: u32 = 172
export const SPACE_COMPACTIONS_AT: u32 = 176
/** Objects moved by the last collection. */
export const SPACE_MOVED_AT: u32 = 180
export const SPACE_CAUSE_AT: u32 = 184
/** Stress: kind, its number, its state, allocations to go. */
export const SPACE_STRESS_AT: u32 = 188
export const SPACE_STRESS_NUMBER_AT: u32 = 192
export const SPACE_STRESS_STATE_AT: u32 = 196
export const SPACE_STRESS_LEFT_AT: u32 = 200
/** Lists of the collection that is going on: weak references, tables of weak maps to be looked at, and looked at. */
export const SPACE_WEAK_LIST_AT: u32 = 204
export const SPACE_TABLE_LIST_AT: u32 = 208
export const SPACE_TABLES_SEEN_AT: u32 = 212
export const SPACE_IMAGES_AT: u32 = 216
export const SPACE_LARGE_AT: u32 = 220
/** Of the plan: `vm` keeps the place of its sweep and its holes there, `embedded` the bounds of its objects. */
export const SPACE_PLAN_AT: u32 = 224
/** Address of the values' state, see `value-layout.ts`; 0 without one. Its first words are roots. */
export const SPACE_VALUES_AT: u32 = 312
/** A byte that looks marked in every colour: null's. */
export const SPACE_ALWAYS_AT: u32 = 316
export const SPACE_BYTES: u32 = 320

// ---- generations: words behind the object space, in the build with objects; see `young-overlay.ts` -------------

/** The nursery, [base, base + bytes): what lies there is young. 0 bytes: nothing is. */
export const SPACE_YOUNG_BASE_AT: u32 = 320
export const SPACE_YOUNG_BYTES_AT: u32 = 324
/** Not 0 while marking goes on: a reference that is about to be overwritten in an old object is shaded first. */
export const SPACE_SHADING_AT: u32 = 328
/** `PHASE_…` of the incremental cycle. */
export const SPACE_PHASE_AT: u32 = 332
/** The slot log: addresses of words of old objects into which a young reference was stored. */
export const SPACE_LOG_TOP_AT: u32 = 336
export const SPACE_LOG_LIMIT_AT: u32 = 340
export const SPACE_LOG_BASE_AT: u32 = 344
/** Times that the log could not grow, so that a minor collection had to look through all old objects. */
export const SPACE_LOG_OVERFLOWS_AT: u32 = 348
/** Minor collections, and what the last one did: bytes in use before it, promoted, left young. */
export const SPACE_MINORS_AT: u32 = 352
export const SPACE_MINOR_BEFORE_AT: u32 = 356
export const SPACE_PROMOTED_BYTES_AT: u32 = 360
export const SPACE_PROMOTED_OBJECTS_AT: u32 = 364
export const SPACE_AGED_BYTES_AT: u32 = 368
/** Survivors that stayed where they were: pinned, or without room in the old space. */
export const SPACE_STAYED_OBJECTS_AT: u32 = 372
/** Bytes of old objects: what the last full collection found and what was promoted or born old since. */
export const SPACE_OLD_BYTES_AT: u32 = 376
/** Most work units of a step, and those of the last one. A unit is an object or two of its references. */
export const SPACE_STEP_UNITS_AT: u32 = 380
export const SPACE_LAST_UNITS_AT: u32 = 384
/** Steps ever, and incremental cycles that have ended. */
export const SPACE_STEPS_AT: u32 = 388
export const SPACE_CYCLES_AT: u32 = 392
/** Not 0: collections for want of memory take too much of the time; requests are refused instead. */
export const SPACE_REFUSING_AT: u32 = 396
/** Bytes that the nursery shall have; it is made anew when it is empty. */
export const SPACE_YOUNG_WANTED_AT: u32 = 400
/** Bytes that the old space may have before the first full collection. */
export const SPACE_OLD_START_AT: u32 = 404
/** Not 0: the last minor collection found no room in the old space for all that it should have promoted. */
export const SPACE_LACKS_ROOM_AT: u32 = 408
/** Bytes that the last incremental cycle found dead. */
export const SPACE_CYCLE_FREED_AT: u32 = 412
/** First of the words that belong to the plan alone. */
export const SPACE_YOUNG_PLAN_AT: u32 = 416
/** Head of the shared segment that was made last, 0 when there is none; see `collect/shared.ts`. */
export const SPACE_SHARED_AT: u32 = 616
/** In a guest's heap: the mode that was chosen for its objects, and from bit 8 on the one that they have. */
export const SPACE_GUEST_MODE_AT: u32 = 620
/** Bytes of the object space in the build with objects. */
export const SPACE_ALL_BYTES: u32 = 640

/** Nothing goes on; roots are being marked; objects are; weak references and side tables are put right; sweeping. */
export const PHASE_IDLE: u32 = 0
export const PHASE_ROOTS: u32 = 1
export const PHASE_MARK: u32 = 2
export const PHASE_WEAK: u32 = 3
export const PHASE_SWEEP: u32 = 4
/** What `step` answers when nothing goes on, but another cycle is due. */
export const PHASE_DUE: u32 = 5

/** Collections evacuate fragmented blocks. */
export const POLICY_EVACUATE: u32 = 1
/** Blocks are swept when their holes are needed, not at once. */
export const POLICY_LAZY_SWEEP: u32 = 2
/** Objects are counted per type when a collection begins. */
export const POLICY_COUNT_TYPES: u32 = 4
/** Stress: every collection moves every object that may move. */
export const POLICY_MOVE_ALL: u32 = 8
/** Young objects are promoted at their second minor collection, not at their first. */
export const POLICY_AGEING: u32 = 16
/** Old objects are marked in steps between allocations. */
export const POLICY_INCREMENTAL: u32 = 32

export const STRESS_OFF: u32 = 0
/** A collection at every n-th allocation. */
export const STRESS_ALLOCATIONS: u32 = 1
/** A collection after every n bytes. */
export const STRESS_BYTES: u32 = 2
/** A collection at one of n allocations, by chance; the state is the seed. */
export const STRESS_RANDOM: u32 = 3

/** Kinds of `collect`. */
export const COLLECT_FULL: u32 = 0
/** Slide everything together and hold less memory. */
export const COLLECT_COMPACT: u32 = 1
/** The nursery alone. */
export const COLLECT_MINOR: u32 = 2
/** In reports: a step of an incremental cycle. */
export const COLLECT_STEP: u32 = 3

/** Why a collection ran. */
export const CAUSE_REQUEST: u32 = 0
export const CAUSE_BUDGET: u32 = 1
export const CAUSE_MEMORY: u32 = 2
export const CAUSE_STRESS: u32 = 3
/** The nursery is used up, or the slot log is full. */
export const CAUSE_NURSERY: u32 = 4

/** What the kernel tells by `host.report(code, argument)` beside assertions, whose codes are below. */
/** The argument is the cause, and from bit 8 on the kind, `COLLECT_…`. Brackets nest: a minor collection in a full one. */
export const REPORT_COLLECT_BEGIN: u32 = 0x10000
/** The argument is the kind. */
export const REPORT_COLLECT_END: u32 = 0x10001
/** Between the two: a phase begins, `WORK_…`. */
export const REPORT_WORK: u32 = 0x10002

/** What a collection is doing. */
export const WORK_PREPARE: u32 = 0
export const WORK_COPY: u32 = 1
export const WORK_MARK: u32 = 2
export const WORK_WEAK: u32 = 3
export const WORK_SWEEP: u32 = 4
export const WORK_SLIDE: u32 = 5

// ---- faults of objects: what `verify` can find --------------------------------------------------------------------

export const FAULT_OBJECT_HEADER: u32 = 32
/** A reference points at no live object. */
export const FAULT_REFERENCE: u32 = 33
/** A root, a handle or a stack slot points at no live object. */
export const FAULT_ROOT: u32 = 34
/** A block of objects: its descriptor or its map is wrong. */
export const FAULT_OBJECT_BLOCK: u32 = 35
/** The words of the object space contradict each other. */
export const FAULT_SPACE: u32 = 36
/** A reference leads to a place of ours where no live object starts. */
export const FAULT_UNMARKED: u32 = 37
/** The type table is wrong. */
export const FAULT_TYPE: u32 = 38
/** The table of identity hashes or of finalizers is wrong. */
export const FAULT_SIDE_TABLE: u32 = 39
/** A large object or an image is wrong. */
export const FAULT_LARGE: u32 = 40

/** The nursery: its bounds, its map, or objects that do not lie back to back. */
export const FAULT_NURSERY: u32 = 41
/** A word of an old object refers to a young one and is not in the log: a write barrier was left out. */
export const FAULT_REMEMBERED: u32 = 42
/** While marking: a marked object or a root refers to one that nothing will mark: a write barrier was left out. */
export const FAULT_UNPROTECTED: u32 = 43

// ---- stress knobs of the debug kernel, beside those of layout.ts ---------------------------------------------------

/** The mark stack has 64 words and never grows. */
export const KNOB_SHORT_MARK_STACK: u32 = 0x100
/** Every third evacuation of an object fails, as if there were no room. */
export const KNOB_EVACUATION_FAILS: u32 = 0x200
/** The budget is 16 KiB, so that collections by budget, and lazy sweeps, happen in small heaps. */
export const KNOB_SMALL_BUDGET: u32 = 0x400
/** The slot log has 4 words and never grows. */
export const KNOB_SHORT_LOG: u32 = 0x800
/** The write barrier logs nothing. The verifier finds that. */
export const KNOB_NO_BARRIER: u32 = 0x1000
/** The write barrier shades nothing. The verifier finds that. */
export const KNOB_NO_SHADING: u32 = 0x2000
/** Steps of one work unit. */
export const KNOB_UNIT_STEPS: u32 = 0x4000
