/**
 * The layout of values for language runtimes: words that say what they are, reference counts, strings, arrays,
 * dictionaries, property objects. Plain constants that both halves compile, like `layout.ts` and `object-layout.ts`,
 * which say what lies around them.
 *
 *   word       32 bits     0                 absent: what an empty slot reads as
 *                          [ integer  :31|1]  -2^30 to 2^30 - 1
 *                          [ reference |000]  the address of a payload, never 0
 *                          [ number   |010]  a special: undefined, null, true, false, exception, and the program's own
 *                          [ number   |110]  a character or whatever else the program wants, 29 bits
 *   wide       64 bits     a double as it is, NaN as 0x7ff8000000000000; or, where the upper half is one of these,
 *                          [ WIDE_INTEGER ][ integer : 32 ]
 *                          [ WIDE_REFERENCE ][ reference ]
 *                          [ WIDE_SPECIAL ][ word ]
 *
 *   counted    at a multiple of 16, in a block of its own; payload and the eight bytes before are those of any object
 *              [ sign : 32 ][ count : 28 | state : 4 ][ place : 32 ][ trial : 32 ]
 *              [ type : 20 | flags : 12 ][ bytes : 32 ][ payload ... ]
 *                                                      ^ reference
 *
 *   string     [ watch ][ hash ][ code points ][ UTF-8 ... ]
 *   float      [ double : 64 ]
 *   array      [ store ][ length ][ kind : 8 | 0 : 8 | element bytes : 16 ]
 *   store      the elements of an array, nothing else: of words, of wide values, or of bytes
 *   dictionary, property object, shape: below
 *
 * A reference is at 8 past a multiple of 16, in `embedded` at a multiple of 8. So collectors tell references from
 * other words by their low bits, and any slot, root or stack may hold any word.
 */

// ---- words ------------------------------------------------------------------------------------------------------

export const WORD_ABSENT: u32 = 0
export const WORD_TAG_MASK: u32 = 7
export const WORD_SPECIAL_TAG: u32 = 2
export const WORD_CHARACTER_TAG: u32 = 6
export const WORD_SPECIAL_SHIFT: u32 = 3
export const WORD_UNDEFINED: u32 = 0x02
export const WORD_NULL: u32 = 0x0a
export const WORD_TRUE: u32 = 0x12
export const WORD_FALSE: u32 = 0x1a
/** What a call gives that has set the pending exception. */
export const WORD_EXCEPTION: u32 = 0x22
/** First number of a special that is the program's own. */
export const SPECIAL_FIRST_USER: u32 = 16
export const SPECIAL_MAX: u32 = 0x1fffffff
export const INTEGER_MIN: i32 = -0x40000000
export const INTEGER_MAX: i32 = 0x3fffffff

export const WIDE_INTEGER: u32 = 0xfffc0000
export const WIDE_REFERENCE: u32 = 0xfffd0000
export const WIDE_SPECIAL: u32 = 0xfffe0000
/** Upper half of the one NaN that a wide value has; its lower half is 0. */
export const WIDE_NAN: u32 = 0x7ff80000

// ---- counted objects ----------------------------------------------------------------------------------------------

export const COUNTED_HEADER_BYTES: u32 = 24
/** Offsets from the reference, downwards. */
export const COUNTED_SIGN_BELOW: u32 = 24
export const COUNTED_COUNT_BELOW: u32 = 20
export const COUNTED_PLACE_BELOW: u32 = 16
export const COUNTED_TRIAL_BELOW: u32 = 12
/** The count is in the upper 28 bits of its word. */
export const COUNT_SHIFT: u32 = 4
export const COUNT_ONE: u32 = 16
export const COUNT_MAX: u32 = 0x0fffffff
/** In the list of candidates for cycles: something that referred to it is gone, and it is still there. */
export const COUNTED_CANDIDATE: u32 = 1
/** Part of the trial that goes on. */
export const COUNTED_IN_TRIAL: u32 = 2
/** In the trial, and found alive. */
export const COUNTED_ALIVE: u32 = 4
/** It lost a reference since the trial that goes on began: it is a candidate again when that ends. */
export const COUNTED_AGAIN: u32 = 8
/** Flag of the header: the first word of the payload is the address of a word that becomes 0 when the object goes. */
export const OBJECT_WATCHED: u32 = 1 << 22

/** `step`: nothing goes on; objects are visited; those alive are spared; the rest is released; the trial is undone. */
export const TRIAL_IDLE: u32 = 0
export const TRIAL_VISIT: u32 = 1
export const TRIAL_SPARE: u32 = 2
export const TRIAL_RELEASE: u32 = 3
export const TRIAL_FREE: u32 = 4
export const TRIAL_END: u32 = 5

/** Built-in type of `refcountedNew`: a trailing array of bytes, and nothing else. */
export const TYPE_COUNTED_BYTES: u32 = 4

// ---- the space of counted objects: words behind the object space; see `counted/state.ts` ---------------------------

export const SPACE_COOKIE_AT: u32 = 320
/** Table of candidates, how many there are, how many it has room for. */
export const SPACE_CANDIDATES_AT: u32 = 324
export const SPACE_CANDIDATE_COUNT_AT: u32 = 328
export const SPACE_CANDIDATE_CAPACITY_AT: u32 = 332
/** Candidates that the table had no room for since all objects were looked at: `collect` then looks at all. */
export const SPACE_MISSED_AT: u32 = 336
/** The trial: its list, `TRIAL_…`. */
export const SPACE_TRIAL_AT: u32 = 340
export const SPACE_TRIAL_COUNT_AT: u32 = 344
export const SPACE_TRIAL_CAPACITY_AT: u32 = 348
export const SPACE_TRIAL_PHASE_AT: u32 = 352
/** So many candidates make allocations take steps of so many units; 0: never. */
export const SPACE_THRESHOLD_AT: u32 = 356
export const SPACE_TRIAL_UNITS_AT: u32 = 360
/** Trials that came to their end, and those given up for want of memory. */
export const SPACE_TRIALS_AT: u32 = 364
export const SPACE_TRIALS_LOST_AT: u32 = 368
/** Objects that trials have released, ever. */
export const SPACE_TRIAL_RELEASED_AT: u32 = 372
/** From here on what only the kernel reads. */
export const SPACE_COUNTED_MORE_AT: u32 = 376
export const SPACE_COUNTED_BYTES: u32 = 464

export const CANDIDATES_THRESHOLD: u32 = 10000
export const TRIAL_UNITS: u32 = 256

/** Stress knobs of the debug kernel, beside those of the other layouts: tables that never grow. */
export const KNOB_SHORT_CANDIDATES: u32 = 0x10000
export const KNOB_SHORT_TRIAL: u32 = 0x20000

// ---- the values' state: words at SPACE_VALUES_AT ------------------------------------------------------------------

/** Words at the start that are roots, whatever they hold. */
export const VALUES_ROOTS: u32 = 16
/** Operands of the call that goes on. */
export const VALUES_OPERANDS_AT: u32 = 0
export const VALUES_OPERANDS: u32 = 8
/** Table of interned strings, and the one that it grows out of. */
export const VALUES_INTERNED_AT: u32 = 32
export const VALUES_INTERNED_OLD_AT: u32 = 36
/** The shape that all others come from, where objects are traced. */
export const VALUES_ROOT_SHAPE_AT: u32 = 40
/** From here on plain words. */
export const VALUES_SEED_AT: u32 = 64
export const VALUES_TYPE_STRING_AT: u32 = 68
export const VALUES_TYPE_FLOAT_AT: u32 = 72
export const VALUES_TYPE_ARRAY_AT: u32 = 76
export const VALUES_TYPE_BYTES_AT: u32 = 80
export const VALUES_TYPE_WORDS_AT: u32 = 84
export const VALUES_TYPE_WIDE_AT: u32 = 88
export const VALUES_TYPE_DICTIONARY_AT: u32 = 92
export const VALUES_TYPE_PROPERTIES_AT: u32 = 96
export const VALUES_TYPE_SHAPE_AT: u32 = 100
/**
 * Interned strings, entries of their table in use (dead ones too), next entry of the old table to move; without one the
 * next entry of the table to be looked at.
 */
export const VALUES_INTERNED_COUNT_AT: u32 = 104
export const VALUES_INTERNED_USED_AT: u32 = 108
export const VALUES_INTERNED_MOVED_AT: u32 = 112
/** Next number of a shape, and how many shapes there may be. */
export const VALUES_SHAPE_NEXT_AT: u32 = 116
export const VALUES_SHAPE_LIMIT_AT: u32 = 120
/** Why the last call on values that answered 0 did so. */
export const VALUES_STATUS_AT: u32 = 124
/** Words for dictionaries and property objects. */
export const VALUES_MORE_AT: u32 = 128
/** Address of the names of the types that values have. */
export const VALUES_TYPE_NAMES_AT: u32 = 188
/** Room for a short text on its way into the heap. */
export const VALUES_TEXT_AT: u32 = 192
export const VALUES_TEXT_BYTES: u32 = 128
export const VALUES_BYTES: u32 = 320

// ---- strings --------------------------------------------------------------------------------------------------------

export const STRING_WATCH_AT: u32 = 0
/** 0 until it is asked for. */
export const STRING_HASH_AT: u32 = 4
export const STRING_CODE_POINTS_AT: u32 = 8
export const STRING_TEXT_AT: u32 = 12

// ---- arrays ---------------------------------------------------------------------------------------------------------

export const ARRAY_STORE_AT: u32 = 0
export const ARRAY_LENGTH_AT: u32 = 4
export const ARRAY_KIND_AT: u32 = 8
export const ARRAY_ELEMENT_BYTES_AT: u32 = 10
export const ARRAY_PAYLOAD_BYTES: u32 = 12

export const KIND_I8: u32 = 1
export const KIND_U8: u32 = 2
export const KIND_I16: u32 = 3
export const KIND_U16: u32 = 4
export const KIND_I32: u32 = 5
export const KIND_U32: u32 = 6
export const KIND_I64: u32 = 7
export const KIND_U64: u32 = 8
export const KIND_F32: u32 = 9
export const KIND_F64: u32 = 10
/** Words. */
export const KIND_VALUE: u32 = 11
/** Wide values. */
export const KIND_WIDE: u32 = 12
/** So many bytes each. */
export const KIND_BYTES: u32 = 13

// ---- statuses, beside those of layout.ts ----------------------------------------------------------------------------

/** An index, or a position, that is not there. */
export const STATUS_RANGE: u32 = 16
/** A key of a kind that the dictionary does not take. */
export const STATUS_KEY: u32 = 17
/** A count that would pass COUNT_MAX. */
export const STATUS_COUNT: u32 = 18
/** Bytes that are no UTF-8, or a place inside a character. */
export const STATUS_TEXT: u32 = 19
/** The object is of another type than the call is for. */
export const STATUS_TYPE: u32 = 20
/** Not there: no such key, an empty array. */
export const STATUS_NONE: u32 = 21

// ---- dictionaries ---------------------------------------------------------------------------------------------------

export const KEYS_ANY: u32 = 0
export const KEYS_STRING: u32 = 1
export const KEYS_INTEGER: u32 = 2

// ---- faults: what `verify` can find ---------------------------------------------------------------------------------

/** A count is less than the references that were found, or a counted object's head is wrong. */
export const FAULT_COUNT: u32 = 44
/** The list of candidates or the trial is wrong. */
export const FAULT_CANDIDATES: u32 = 45
/** A string, the table of interned ones, an array, a dictionary or a property object is wrong. */
export const FAULT_VALUE: u32 = 46

// ---- dictionaries: their words --------------------------------------------------------------------------------------
//
//   dictionary  words, see below; every number in one is an integer word, so one rule scans all of it
//   segment     [ live entries ][ key ][ value ][ hash ] ...      a hole, deleted or never used, has no key
//   directory   [ segment or 0 ] ...                              0: all of its entries are holes
//   index       slots of 32 bits, as many as a power of two: 0 empty, 1 deleted, else
//               [ tag : 6 | position + 2 : 26 ]                   tag: bits 1 to 6 of the hash
//               up to INDEX_FLAT_SLOTS in one object; of more [ part or 0 ] ... [ 0 ], parts of INDEX_PART_SLOTS, a
//               part that is not there is empty. So an index of any length is begun without clearing all of it
//
// A position counts entries in order of insertion. Position p is entry p & 511 of segment p >> 9 (p & 63 and p >> 6 in
// `embedded`); without a directory there is one segment, which doubles up to that length. Up to DICTIONARY_LINEAR
// positions there need be no index. A hash has its lowest bit set, so that it is an integer word; its highest bits say
// where in the index the search begins.
//
//   live entries = DICTIONARY_COUNT; with an index each is in exactly one slot of it or of the old one, and slots of
//   both refer to nothing else
//   MARKS = slots of the index that are not empty <= 3/4 of them
//   slots of the old index below MOVED are empty or deleted, and parts with no others are not there
//   positions below FIRST and in [TO, FROM) are holes, and so is everything from USED on
//   a segment of a directory without live entries is not there, but for one that has just been made for USED or TO, or
//   is reserved, from USED on

/** Integer: live entries. */
export const DICTIONARY_COUNT_AT: u32 = 0
/** Integer: `KEYS_…`. Beside SHAPE_NUMBER_AT, and never equal to a shape's number. */
export const DICTIONARY_KEYS_AT: u32 = 4
/** Integer: positions in use, holes among them. */
export const DICTIONARY_USED_AT: u32 = 8
/** Integer: how many iterate. Positions stay as they are while it is not 0. */
export const DICTIONARY_LOCKS_AT: u32 = 12
/** The only segment, or the directory of all; never both. */
export const DICTIONARY_SEGMENT_AT: u32 = 16
export const DICTIONARY_DIRECTORY_AT: u32 = 20
export const DICTIONARY_INDEX_AT: u32 = 24
/** The index whose slots go over into the other one, and how many of them have been looked at. */
export const DICTIONARY_OLD_INDEX_AT: u32 = 28
export const DICTIONARY_MOVED_AT: u32 = 32
export const DICTIONARY_MARKS_AT: u32 = 36
/** The squeeze that goes on: where the next live entry goes to, and from where on it is looked for; 0 without one. */
export const DICTIONARY_TO_AT: u32 = 40
export const DICTIONARY_FROM_AT: u32 = 44
export const DICTIONARY_FIRST_AT: u32 = 48
export const DICTIONARY_PAYLOAD_BYTES: u32 = 52

/** Entries of a full segment, as a power of two: of 6 kB, or 776 bytes in `embedded`. */
export const SEGMENT_SHIFT: u32 = 9
export const SEGMENT_SHIFT_EMBEDDED: u32 = 6
export const SEGMENT_FIRST_ENTRIES: u32 = 4
export const SEGMENT_ENTRIES_AT: u32 = 4
export const ENTRY_VALUE_AT: u32 = 4
export const ENTRY_HASH_AT: u32 = 8
export const DICTIONARY_ENTRY_BYTES: u32 = 12
/** Most positions. */
export const DICTIONARY_POSITIONS_MAX: u32 = 0x3fffffe
export const DICTIONARY_LOCKS_MAX: u32 = 0x3fffffff
export const DICTIONARY_LINEAR: u32 = 8
export const INDEX_FIRST_SLOTS: u32 = 16
export const INDEX_FLAT_SLOTS: u32 = 4096
/** Slots of a part, as a power of two. */
export const INDEX_PART_SHIFT: u32 = 10
export const SLOT_DELETED: u32 = 1
/** What a slot adds to its position. */
export const SLOT_BIAS: u32 = 2
export const SLOT_POSITION_MASK: u32 = 0x3ffffff
/** How far the bits of a hash that are the tag are from their place in the slot. */
export const SLOT_TAG_SHIFT: u32 = 25
/** Slots of an old index looked at, and positions that a squeeze looks at, by one insertion or deletion. */
export const DICTIONARY_SLOT_STEPS: u32 = 32
export const DICTIONARY_SQUEEZE_STEPS: u32 = 16
/** A squeeze begins when there are so many positions more than twice the entries. */
export const DICTIONARY_HOLES: u32 = 16
/** In the state, debug build: slots and entries moved by dictionaries so far. */
export const VALUES_DICTIONARY_WORK_AT: u32 = 128

// ---- property objects -----------------------------------------------------------------------------------------------
//
//   properties  [ shape, or dictionary ][ more: store of further slots, or 0 ][ inline slot ] ...
//               a shape says which property is in which slot: the inline ones first, then those in `more`
//   shape       words, see below: that of its parent with one property more. Children are held weakly
//   keys        [ used ][ index or 0 ][ key ] ...   shared along a chain of shapes for as long as each adds to the end
//               index: bytes, slot + 1 or 0 for empty, twice as many as keys fit; from 16 keys on
//   children    { hash as an integer word, child } ..., open addressing; { 0, 0 } is empty. A child is a weak reference
//               where objects are traced. Where they are counted it is the reference itself, in a leaf, and the word
//               becomes 0 when the child goes: it is watched
//
// The root has no properties and no inline slots. Its children by integer are the shapes without properties of objects
// with so many inline slots.

/** Counted: the address of the word to clear, 4 past a multiple of 8, so that it reads as no reference. */
export const SHAPE_WATCH_AT: u32 = 0
/** An odd word, another one for each shape that an object had; at the same place a dictionary has a lower one. */
export const SHAPE_NUMBER_AT: u32 = 4
/** Integers: properties, inline slots. */
export const SHAPE_COUNT_AT: u32 = 8
export const SHAPE_INLINE_AT: u32 = 12
export const SHAPE_PARENT_AT: u32 = 16
/** What it has and its parent has not. */
export const SHAPE_KEY_AT: u32 = 20
export const SHAPE_KEYS_AT: u32 = 24
export const SHAPE_CHILDREN_AT: u32 = 28
/** Integer: entries of the table of children in use, dead ones too. */
export const SHAPE_MARKS_AT: u32 = 32
export const SHAPE_PAYLOAD_BYTES: u32 = 36
/** First number of a shape, above all KEYS_…. */
export const SHAPE_FIRST_NUMBER: u32 = 16
/** Properties, inline slots, children that a shape may have; what needs more becomes a dictionary. */
export const SHAPE_PROPERTIES_MAX: u32 = 128
export const SHAPE_INLINE_MAX: u32 = 128
export const SHAPE_CHILDREN_MAX: u32 = 1024
export const KEYS_USED_AT: u32 = 0
export const KEYS_INDEX_AT: u32 = 4
export const KEYS_FIRST_AT: u32 = 8
/** Properties up to which a shape's keys are looked through; capacity from which on a store of keys has an index. */
export const KEYS_LINEAR: u32 = 8
export const KEYS_INDEXED: u32 = 16
export const PROPERTIES_SHAPE_AT: u32 = 0
export const PROPERTIES_MORE_AT: u32 = 4
export const PROPERTIES_INLINE_AT: u32 = 8
/** Shapes that are thought to live: those made since the last count, and those found then. */
export const VALUES_SHAPES_AT: u32 = 132
/** Requests for a shape beyond the limit that are refused before shapes are counted again. */
export const VALUES_SHAPE_REFUSALS_AT: u32 = 136
/** Counted: the root, which nobody owns but its children; the word becomes 0 when it goes. */
export const VALUES_ROOT_WATCH_AT: u32 = 140

// ---- inline caches: 48 bytes of the caller's, for one key at one place of a program ---------------------------------
//
//   [ number ][ place ] four times, [ hits ][ misses ][ next pair to be replaced ][ 0 ]
//
// A hit, inlined:    number = load(load(object) + SHAPE_NUMBER_AT)
//                    pair.number == number, and pair.place has no CACHE_ADDS:
//                    with CACHE_MORE the word is at load(object + PROPERTIES_MORE_AT) + (place & CACHE_OFFSET),
//                    else at object + place
// A cache holds no reference, so collectors need not know it, and objects may move.

export const CACHE_BYTES: u32 = 48
export const CACHE_PAIRS: u32 = 4
export const CACHE_HITS_AT: u32 = 32
export const CACHE_MISSES_AT: u32 = 36
export const CACHE_NEXT_AT: u32 = 40
export const CACHE_MORE: u32 = 0x80000000
/** Setting the property adds it to an object of that shape. */
export const CACHE_ADDS: u32 = 0x40000000
export const CACHE_OFFSET: u32 = 0x3fffffff
