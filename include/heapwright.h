/*
 * heapwright.h: the heap from inside a WebAssembly program, in C99 or C++.
 *
 * Blocks (malloc and free, with limits and figures), and objects that a collector finds dead and may move. The
 * functions are imports from a module named `heapwright`; `heapwright link` puts the heap into the compiled program,
 * and then nothing is imported any more:
 *
 *     clang --target=wasm32-wasi --sysroot=path/to/wasi-sysroot -O2 -Ipath/to/include program.c -o program.wasm
 *     npx heapwright link program.wasm -o linked.wasm
 *
 * What every program must know that uses objects:
 *
 *   1. A reference is the address of an object's contents. Calls marked COLLECTS may collect, and what collects may
 *      move objects: then a reference in a local variable is stale. References in objects, in frames (hw_enter), in
 *      roots and in registered globals are kept alive and are corrected. So read a reference again after a call that
 *      COLLECTS:
 *
 *          HW_FRAME(struct pair_frame, f);              // struct pair_frame { struct node *left, *right; }
 *          if (!f) return NULL;                         // the shadow stack is full
 *          f->left = make_tree(depth - 1);              // COLLECTS
 *          f->right = make_tree(depth - 1);             // COLLECTS: f->left may refer to another place now
 *          struct node *node = HW_NEW(struct node, node_type);
 *          if (node) { node->left = f->left; node->right = f->right; }
 *          hw_leave(f);
 *          return node;
 *
 *      In a pinned frame (hw_enter_pinned) objects stay where they are, and copies stay good until hw_leave_pinned.
 *   2. A reference in an object is read by a plain load, and stored by HW_SET or hw_store. Plain stores are right for
 *      numbers, for frames, globals and roots, and for filling a new object of at most 8 KiB before the next call that
 *      COLLECTS.
 *   3. A word that holds a reference may hold any number that does not look like one: numbers n with (n & 15) != 8.
 *      Null is 0.
 *
 * Errors are values: null, 0, or a status other than HW_OK. None of the heap's calls stops the program, whatever it is
 * given, and what is refused has changed nothing. With HEAPWRIGHT_CHECKED defined, all that is done inline otherwise is
 * done by calls that check what they are given, references to dead objects among it: slower, for tests.
 *
 * Sizes are bytes. One memory, one thread. docs/guest-programs.md has more to say, and complete programs.
 */
#ifndef HEAPWRIGHT_H
#define HEAPWRIGHT_H

#if !defined(__wasm32__)
#error "heapwright.h is for programs compiled to wasm32"
#endif

#ifdef __cplusplus
extern "C" {
#define HW_INLINE static inline
#else
#define HW_INLINE static __inline__
#endif

#define HW_IMPORT(name) __attribute__((import_module("heapwright"), import_name(#name)))

typedef __UINT8_TYPE__ hw_u8;
typedef __UINT16_TYPE__ hw_u16;
typedef __UINT32_TYPE__ hw_u32;
typedef __UINT64_TYPE__ hw_u64;
typedef __SIZE_TYPE__ hw_size;

/* A reference to an object, or null. Any other pointer to the object's contents is as good. */
typedef void *hw_ref;

/* What a call answers that can fail and has nothing else to say. */
typedef enum hw_status {
  HW_OK = 0,
  HW_FOREIGN = 1,       /* an address in no memory of this heap */
  HW_MISALIGNED = 2,    /* no multiple of 16, of an object no 8 past one */
  HW_NOT_A_BLOCK = 3,   /* in this heap's memory, but no live block or object begins there */
  HW_SIZE_MISMATCH = 4, /* a block of another size */
  HW_OUT_OF_MEMORY = 5, /* the limit is reached, the memory does not grow, or a shadow stack is full */
  HW_BAD_ARGUMENT = 6,  /* anything else that does not fit */
  HW_OWNED = 7,         /* not the caller's to free: an object, or the heap's own */
  HW_CORRUPT = 8        /* the heap's own words contradict each other */
} hw_status;

/* ==== blocks ========================================================================================================
 *
 * As malloc and its like, at multiples of 16. Programs that call malloc get the same blocks. None of these collects.
 */

/* A block of at least `bytes` bytes; null when out of memory. 0 bytes are a block, too. */
HW_IMPORT(hw_alloc) void *hw_alloc(hw_size bytes);

/* A block of `count` elements of `bytes` bytes, all zero; null when out of memory, or when the product is too large. */
HW_IMPORT(hw_calloc) void *hw_calloc(hw_size count, hw_size bytes);

/* The block with another size: there or elsewhere, with its contents up to the shorter of both. `block` may be null.
 * Null when out of memory, or when no block is there; the old block is as it was then. */
HW_IMPORT(hw_realloc) void *hw_realloc(void *block, hw_size bytes);

/* A block at a multiple of `alignment`, a power of two up to 65536; null when it is none, or when out of memory. */
HW_IMPORT(hw_aligned_alloc) void *hw_aligned_alloc(hw_size alignment, hw_size bytes);

/* Free a block; null is nothing to do. What is no live block is refused, and the status says what it is. */
HW_IMPORT(hw_free) hw_status hw_free(void *block);

/* Bytes that may be used of a block: what was asked for, or more. 0 when there is none. */
HW_IMPORT(hw_usable_size) hw_size hw_usable_size(const void *block);

/* 1 when a live block begins there, else 0. Any address may be asked. */
HW_IMPORT(hw_is_block) hw_u32 hw_is_block(const void *address);

/* ==== figures and the limit ======================================================================================= */

#define HW_STATS_VERSION 1u

/* What there is to know of the heap, at one moment. All sizes in bytes, all counts since it began. */
struct hw_stats {
  hw_u32 version;               /* HW_STATS_VERSION of the heap: fields are only ever added, at the end */
  hw_u32 bytes;                 /* of the figures that this heap has; those beyond are 0 */
  hw_u32 limit_bytes;           /* most that it may hold */
  hw_u32 committed_bytes;       /* held of the memory */
  hw_u32 committed_peak_bytes;  /* most of that so far */
  hw_u32 metadata_bytes;        /* of it, what the heap needs for itself */
  hw_u32 free_bytes;            /* of it, free runs outside pages */
  hw_u32 block_bytes;           /* usable bytes of live blocks */
  hw_u32 blocks;                /* live blocks */
  hw_u32 block_peak_bytes;      /* most of block_bytes so far, as far as it was seen */
  hw_u32 refused_requests;      /* requests for blocks that were answered with null */
  hw_u32 refused_largest_bytes; /* the largest of them */
  hw_u32 bad_frees;             /* frees and reallocs of what was no live block */
  hw_u32 mode;                  /* HW_MODE_… of the objects; from here on 0 without objects */
  hw_u32 object_space_bytes;    /* held for old objects, live and dead, in blocks */
  hw_u32 live_object_bytes;     /* of objects that the last full collection found alive, headers included */
  hw_u32 live_objects;          /* how many they were */
  hw_u32 nursery_bytes;         /* where objects are born; 0 in HW_MODE_VM */
  hw_u32 collections;           /* of all objects, cycles among them */
  hw_u32 compactions;           /* of those, how many slid everything together */
  hw_u32 minor_collections;     /* of the nursery */
  hw_u32 cycles;                /* incremental ones that have ended */
  hw_u32 steps;                 /* of incremental cycles */
  hw_u32 types;                 /* known types, three of the heap's own among them */
};

HW_IMPORT(hw_get_stats) hw_status hw_get_stats(struct hw_stats *stats, hw_u32 bytes);

/* Fill in the figures. */
HW_INLINE hw_status hw_stats(struct hw_stats *stats) { return hw_get_stats(stats, (hw_u32)sizeof *stats); }

/* Most bytes that the heap may hold. */
HW_IMPORT(hw_limit) hw_size hw_limit(void);

/* Another limit, in bytes. HW_BAD_ARGUMENT when it is less than what is held now. */
HW_IMPORT(hw_set_limit) hw_status hw_set_limit(hw_size bytes);

/* ==== the words that are read and written inline ====================================================================
 *
 * Offsets in the object space, limits, and places in headers: kernel/object-layout.ts and kernel/guest/guest-layout.ts
 * under the same names without HW_, which a test holds against these.
 */

#define HW_SPACE_BUMP_AT 0u
#define HW_SPACE_LIMIT_AT 4u
#define HW_SPACE_SHADOW_TOP_AT 8u
#define HW_SPACE_SHADOW_LIMIT_AT 12u
#define HW_SPACE_PIN_TOP_AT 20u
#define HW_SPACE_PIN_LIMIT_AT 24u
#define HW_SPACE_YOUNG_BASE_AT 320u
#define HW_SPACE_YOUNG_BYTES_AT 324u
#define HW_SPACE_SHADING_AT 328u
#define HW_SPACE_LOG_TOP_AT 336u
#define HW_SPACE_LOG_LIMIT_AT 340u
#define HW_SPACE_ALL_BYTES 640u
#define HW_OBJECT_HEADER_BYTES 8u
#define HW_OBJECT_SMALL_MAX_BYTES 8192u
#define HW_OBJECT_USER_SHIFT 23u
#define HW_OBJECT_USER_MASK 0x7f800000u
#define HW_TYPE_MASK 0xfffffu
#define HW_TYPE_ELEMENT_SHIFT 20u
#define HW_TYPE_FIXED_SHIFT 36u

/* Words and references that may be anywhere: the compiler must not think that they differ from the program's own. */
typedef hw_u32 __attribute__((may_alias)) hw_word;
typedef hw_u64 __attribute__((may_alias)) hw_wide;

/* Where the object space is; until there is one, words that say that there is no room anywhere. */
__attribute__((weak)) hw_word hw_no_space[HW_SPACE_ALL_BYTES / 4u];
__attribute__((weak)) hw_word *hw_space = hw_no_space;

#define HW_SPACE_WORD(at) (hw_space[(at) / 4u])

HW_IMPORT(hw_space_address) hw_word *hw_space_address(void);

/* After a call that may have made the object space. */
HW_INLINE void hw_find_space(void) {
  if (hw_space == hw_no_space) {
    hw_word *space = hw_space_address();
    if (space) hw_space = space;
  }
}

/* ==== objects: beginning ========================================================================================== */

typedef enum hw_mode {
  HW_MODE_DEFAULT = 0, /* what the program was linked or run with, else HW_MODE_VM */
  HW_MODE_VM = 1,      /* one space, marked and swept in full; stores need no barrier, but hw_store does no harm */
  HW_MODE_RUNTIME = 2, /* a nursery in front of it, for programs most of whose objects die young */
  HW_MODE_SERVER = 3   /* the same, and old objects are marked in short steps */
} hw_mode;

/* For `flags`. */
#define HW_AGEING 1u         /* young objects become old at their second minor collection */
#define HW_COUNT_TYPES 2u    /* count what is allocated by type */
#define HW_NO_EVACUATION 4u  /* move objects only when the whole heap is compacted */
#define HW_EAGER_SWEEP 8u    /* sweep at once, not when room is needed */

/* What may be asked for beside the mode; a field that is 0 has its usual value. */
struct hw_object_options {
  hw_u32 bytes;         /* sizeof(struct hw_object_options) */
  hw_u32 nursery_bytes; /* a power of two, 32 KiB to 64 MiB; else 2 MiB, HW_MODE_SERVER 512 KiB, at most limit / 16 */
  hw_u32 old_bytes;     /* of old objects before the first full collection; else 32 MiB, at most limit / 4 */
  hw_u32 step_units;    /* most work units of a step of HW_MODE_SERVER, some 6 ns each; else 80,000 */
  hw_u32 stack_slots;   /* of the shadow stack, which does not grow; else 16,384 */
  hw_u32 pinned_slots;  /* of the one for pinned frames; else 16,384 when it is first used */
  hw_u32 flags;         /* HW_AGEING … */
};

HW_IMPORT(hw_begin_objects) hw_status hw_begin_objects_with(hw_mode mode, const struct hw_object_options *options);

/* Begin the objects, before the first type: later it is HW_OK and changes nothing. Without this call the first type,
 * frame or root begins them with HW_MODE_DEFAULT. A mode that the program was linked or run with goes before `mode`.
 * `options` may be null. HW_BAD_ARGUMENT when something in them does not fit; HW_OUT_OF_MEMORY. */
HW_INLINE hw_status hw_begin_objects(hw_mode mode, const struct hw_object_options *options) {
  hw_status status = hw_begin_objects_with(mode, options);
  hw_find_space();
  return status;
}

/* The mode that the objects have; HW_MODE_DEFAULT before there are any. */
HW_IMPORT(hw_objects_mode) hw_mode hw_objects_mode(void);

/* Why the last call on objects that answered null or 0 did so. */
HW_IMPORT(hw_error) hw_status hw_error(void);

/* ==== types =========================================================================================================
 *
 * A type says how long its objects are and which of their words hold references. An object has a fixed part and, if its
 * type has elements, any number of those behind it. A type is a number that the program keeps; 0 is none.
 */

typedef hw_u64 hw_type;

/* The bit of a reference field in a mask. Fields in the first 128 bytes of a struct have one. */
#define HW_REF(type, field) (1u << (__builtin_offsetof(type, field) / 4u))

HW_IMPORT(hw_add_type)
hw_type hw_add_type(const char *name, hw_size name_bytes, hw_u32 fixed_bytes, hw_u32 references, hw_u32 element_bytes,
                    hw_u32 element_references);
HW_IMPORT(hw_add_long_type)
hw_type hw_add_long_type(const char *name, hw_size name_bytes, hw_u32 fixed_bytes, const hw_u16 *offsets, hw_u32 count,
                         hw_u32 element_bytes);

/* A type of objects with elements. Give `fixed_bytes`, at most 2^28 - 1, the offset of the first element, and
 * `references` a mask of the words before it; `element_bytes`, at most 65535, the size of an element and
 * `element_references` a mask of its words. Elements that hold references need the references of the fixed part to be
 * its first words, and sizes that are multiples of 4. `name` is for people; it is copied.
 * 0 when the numbers do not fit each other, or when out of memory: hw_error says which. Like all three, it does not
 * collect. */
HW_INLINE hw_type hw_array_type(const char *name, hw_u32 fixed_bytes, hw_u32 references, hw_u32 element_bytes,
                                hw_u32 element_references) {
  hw_type type = hw_add_type(name, name ? __builtin_strlen(name) : 0, fixed_bytes, references, element_bytes,
                             element_references);
  hw_find_space();
  return type;
}

/* A type of objects of `bytes` bytes: hw_struct_type("node", sizeof(struct node), HW_REF(struct node, next)). */
HW_INLINE hw_type hw_struct_type(const char *name, hw_u32 bytes, hw_u32 references) {
  return hw_array_type(name, bytes, references, 0, 0);
}

/* The same with the offsets of the references, ascending, in place of a mask: for a struct with references behind its
 * first 128 bytes. Elements, if `element_bytes` is not 0, hold none. */
HW_INLINE hw_type hw_long_type(const char *name, hw_u32 fixed_bytes, const hw_u16 *offsets, hw_u32 count,
                               hw_u32 element_bytes) {
  hw_type type = hw_add_long_type(name, name ? __builtin_strlen(name) : 0, fixed_bytes, offsets, count, element_bytes);
  hw_find_space();
  return type;
}

/* ==== objects ===================================================================================================== */

/* The long way of the two below: no room in the hole, or something does not fit, which the heap refuses. */
HW_IMPORT(hw_new_object) hw_ref hw_new_object(hw_type type, hw_u32 bytes);

/* Bump in the hole; `bytes` fit the type, and are no more than a small object's. */
HW_INLINE hw_ref hw_bump(hw_type type, hw_u32 bytes) {
  hw_word *space = hw_space;
  hw_u32 total = (bytes + HW_OBJECT_HEADER_BYTES + 15u) & ~15u;
  hw_u32 at = space[HW_SPACE_BUMP_AT / 4u];
  hw_u32 i;
  if (at + total > space[HW_SPACE_LIMIT_AT / 4u]) return hw_new_object(type, bytes);
  space[HW_SPACE_BUMP_AT / 4u] = at + total;
  *(hw_wide *)at = (type & HW_TYPE_MASK) | ((hw_u64)bytes << 32);
  for (i = HW_OBJECT_HEADER_BYTES; i < total; i += 8u) *(hw_wide *)(at + i) = 0;
  return (hw_ref)(at + HW_OBJECT_HEADER_BYTES);
}

/* COLLECTS. A zeroed object of a type of `bytes` bytes without elements, or with none of them; null when out of memory,
 * or when type and bytes do not fit each other: hw_error says which. Best with a constant for `bytes`. */
HW_INLINE hw_ref hw_new(hw_type type, hw_u32 bytes) {
#ifndef HEAPWRIGHT_CHECKED
  if ((type >> HW_TYPE_FIXED_SHIFT) == bytes && bytes <= HW_OBJECT_SMALL_MAX_BYTES - HW_OBJECT_HEADER_BYTES) {
    return hw_bump(type, bytes);
  }
#endif
  return hw_new_object(type, bytes);
}

/* COLLECTS. The same with `count` elements of `element_bytes` bytes behind a fixed part of `fixed_bytes`. */
HW_INLINE hw_ref hw_new_array(hw_type type, hw_u32 fixed_bytes, hw_u32 element_bytes, hw_u32 count) {
  hw_u64 bytes = (hw_u64)element_bytes * count + fixed_bytes;
#ifndef HEAPWRIGHT_CHECKED
  hw_u64 shape = ((hw_u64)fixed_bytes << (HW_TYPE_FIXED_SHIFT - HW_TYPE_ELEMENT_SHIFT)) | element_bytes;
  if ((type >> HW_TYPE_ELEMENT_SHIFT) == shape && bytes <= HW_OBJECT_SMALL_MAX_BYTES - HW_OBJECT_HEADER_BYTES) {
    return hw_bump(type, (hw_u32)bytes);
  }
#endif
  /* No object is so long: the heap says so. */
  return hw_new_object(type, bytes > 0xffffffffu ? 0xffffffffu : (hw_u32)bytes);
}

/* COLLECTS. The same for a struct: HW_NEW(struct node, node_type). */
#define HW_NEW(struct_type, type) ((struct_type *)hw_new((type), (hw_u32)sizeof(struct_type)))

/* COLLECTS. For a struct whose last field is a flexible array: HW_NEW_ARRAY(struct list, items, list_type, 100). */
#define HW_NEW_ARRAY(struct_type, field, type, count) \
  ((struct_type *)hw_new_array((type), (hw_u32)__builtin_offsetof(struct_type, field), \
                               (hw_u32)sizeof(((struct_type *)0)->field[0]), (count)))

/* Bytes of an object's contents, as it was made. */
HW_INLINE hw_u32 hw_object_bytes(const void *object) { return ((const hw_word *)object)[-1]; }

/* Id of its type: two objects have the same type when these are equal, and it is (hw_u32)type & HW_TYPE_MASK. */
HW_INLINE hw_u32 hw_type_id(const void *object) { return ((const hw_word *)object)[-2] & HW_TYPE_MASK; }

/* Eight bits of the object's header that are the program's, 0 at first. */
HW_INLINE hw_u32 hw_flags(const void *object) {
  return (((const hw_word *)object)[-2] & HW_OBJECT_USER_MASK) >> HW_OBJECT_USER_SHIFT;
}
HW_INLINE void hw_set_flags(void *object, hw_u8 flags) {
  hw_word *head = (hw_word *)object - 2;
  *head = (*head & ~HW_OBJECT_USER_MASK) | ((hw_u32)flags << HW_OBJECT_USER_SHIFT);
}

/* HW_OK when a live object begins there, as far as the heap knows: what has died is alive until it is collected. Any
 * number may be asked. */
HW_IMPORT(hw_object_status) hw_status hw_object_status(const void *object);

/* The object with the next higher address, dead ones of which nobody knows yet included; null begins and ends. */
HW_IMPORT(hw_next_object) hw_ref hw_next_object(hw_ref object);

/* A number from 1 to 2^31 - 1 that stays the object's wherever it moves; others may have the same. 0 when out of
 * memory. */
HW_IMPORT(hw_identity_hash) hw_u32 hw_identity_hash(hw_ref object);

/* ==== stores ====================================================================================================== */

HW_IMPORT(hw_store_reference) hw_status hw_store_reference(void *holder, void *slot, const void *value);
HW_IMPORT(hw_store_checked) hw_status hw_store_checked(void *holder, void *slot, const void *value);

HW_INLINE hw_u32 hw_is_young(const void *object) {
  return (hw_u32)object - HW_SPACE_WORD(HW_SPACE_YOUNG_BASE_AT) < HW_SPACE_WORD(HW_SPACE_YOUNG_BYTES_AT);
}

/* Store `value`, a reference or null, in the word at `slot` of the object `holder`: a field at a multiple of 4. HW_OK;
 * with HEAPWRIGHT_CHECKED HW_BAD_ARGUMENT, and nothing is stored, when one of them is not what it should be. Does not
 * collect. */
HW_INLINE hw_status hw_store(void *holder, void *slot, const void *value) {
#ifdef HEAPWRIGHT_CHECKED
  return hw_store_checked(holder, slot, value);
#else
  hw_u32 shading = HW_SPACE_WORD(HW_SPACE_SHADING_AT);
  if ((shading | hw_is_young(value)) && !hw_is_young(holder)) {
    hw_u32 top = HW_SPACE_WORD(HW_SPACE_LOG_TOP_AT);
    if (shading || ((hw_u32)slot & 3u) || top + 4u > HW_SPACE_WORD(HW_SPACE_LOG_LIMIT_AT)) {
      return hw_store_reference(holder, slot, value);
    }
    *(hw_word *)top = (hw_u32)slot;
    HW_SPACE_WORD(HW_SPACE_LOG_TOP_AT) = top + 4u;
  }
  *(hw_word *)slot = (hw_u32)value;
  return HW_OK;
#endif
}

/* The same for a field: HW_SET(node, next, other). `holder` is evaluated twice. */
#define HW_SET(holder, field, value) hw_store((holder), &(holder)->field, (value))

/* Copy `count` references, or other words, to `to` in the object `holder`; the ranges may overlap. HW_BAD_ARGUMENT when
 * `to` and what follows are not all the object's. Does not collect. */
HW_IMPORT(hw_copy_references)
hw_status hw_copy_references(hw_ref holder, void *to, const void *from, hw_u32 count);

/* ==== frames ========================================================================================================
 *
 * Slots on a shadow stack: what they refer to lives. They are the program's to read and write by plain loads and
 * stores. Frames end in the opposite order of their beginnings; ending one ends those begun after it.
 */

HW_IMPORT(hw_enter_frame) void *hw_enter_frame(hw_u32 slots, hw_u32 pinning);

HW_INLINE hw_ref *hw_enter_on(hw_u32 slots, hw_u32 top_at, hw_u32 limit_at, hw_u32 pinning) {
  hw_u32 top = HW_SPACE_WORD(top_at), i;
  void *frame;
  if (slots > (HW_SPACE_WORD(limit_at) - top) / 4u) {
    frame = hw_enter_frame(slots, pinning);
    hw_find_space();
    return (hw_ref *)frame;
  }
  for (i = 0; i < slots; i++) ((hw_word *)top)[i] = 0;
  HW_SPACE_WORD(top_at) = top + 4u * slots;
  return (hw_ref *)top;
}

/* Begin a frame of `slots` slots, all null, whose references are corrected when their objects move. Null when the
 * shadow stack is full. */
HW_INLINE hw_ref *hw_enter(hw_u32 slots) {
  return hw_enter_on(slots, HW_SPACE_SHADOW_TOP_AT, HW_SPACE_SHADOW_LIMIT_AT, 0);
}

/* End the frame, as hw_enter gave it; null is nothing to do. */
HW_INLINE void hw_leave(void *frame) {
  if (frame) HW_SPACE_WORD(HW_SPACE_SHADOW_TOP_AT) = (hw_u32)frame;
}

/* The same with objects that stay where they are as long as they are in a slot: copies of the references stay good. A
 * heap with many of them collects its nursery less well. */
HW_INLINE hw_ref *hw_enter_pinned(hw_u32 slots) {
  return hw_enter_on(slots, HW_SPACE_PIN_TOP_AT, HW_SPACE_PIN_LIMIT_AT, 1);
}

HW_INLINE void hw_leave_pinned(void *frame) {
  if (frame) HW_SPACE_WORD(HW_SPACE_PIN_TOP_AT) = (hw_u32)frame;
}

/* A frame as a struct of nothing but references: HW_FRAME(struct pair_frame, f) declares `struct pair_frame *f`. */
#define HW_FRAME(struct_type, name) struct_type *name = (struct_type *)hw_enter((hw_u32)(sizeof(struct_type) / 4u))
#define HW_PINNED_FRAME(struct_type, name) \
  struct_type *name = (struct_type *)hw_enter_pinned((hw_u32)(sizeof(struct_type) / 4u))

/* ==== roots: what is kept beyond frames =========================================================================== */

HW_IMPORT(hw_root_add) void *hw_root_add(hw_u32 kind, const void *word);
HW_IMPORT(hw_root_remove) hw_status hw_root_remove(hw_u32 kind, void *slot);

#define HW_ROOT_STRONG 0u
#define HW_ROOT_PINNED 1u
#define HW_ROOT_SLOT 2u
#define HW_ROOT_WEAK 3u

HW_INLINE void *hw_root_of_kind(hw_u32 kind, const void *word) {
  void *slot = hw_root_add(kind, word);
  hw_find_space();
  return slot;
}

/* A slot that keeps `object` until hw_root_free: *slot is the reference, which may be changed. Null when out of memory.
 * Like everything here, does not collect. */
HW_INLINE hw_ref *hw_root_new(hw_ref object) { return (hw_ref *)hw_root_of_kind(HW_ROOT_STRONG, object); }
HW_INLINE hw_status hw_root_free(hw_ref *slot) { return hw_root_remove(HW_ROOT_STRONG, slot); }

/* The same for an object that stays where it is. */
HW_INLINE hw_ref *hw_pin_new(hw_ref object) { return (hw_ref *)hw_root_of_kind(HW_ROOT_PINNED, object); }
HW_INLINE hw_status hw_pin_free(hw_ref *slot) { return hw_root_remove(HW_ROOT_PINNED, slot); }

/* A variable of the program that holds a reference, or null: static struct node *first; … hw_global_add(&first). It
 * may lie in a block, as long as that lives, but in no object. It is read and written plainly from then on. What is
 * given ends that; null when out of memory. */
typedef struct hw_global hw_global;
HW_INLINE hw_global *hw_global_add(void *variable) { return (hw_global *)hw_root_of_kind(HW_ROOT_SLOT, variable); }
HW_INLINE hw_status hw_global_remove(hw_global *entry) { return hw_root_remove(HW_ROOT_SLOT, entry); }

/* ==== collections ===================================================================================================
 *
 * Allocation collects by itself. These are for moments that the program knows to be good ones.
 */

#define HW_COLLECT_FULL 0u    /* free what no root reaches */
#define HW_COLLECT_COMPACT 1u /* and slide the rest together */
#define HW_COLLECT_MINOR 2u   /* the nursery alone; not in HW_MODE_VM */

/* COLLECTS. HW_BAD_ARGUMENT when there is no such collection, or when a frame was ended that is none. */
HW_IMPORT(hw_collect) hw_status hw_collect(hw_u32 kind);

/* COLLECTS. Blocks get the memory that objects no longer need. */
HW_INLINE hw_status hw_compact(void) { return hw_collect(HW_COLLECT_COMPACT); }

/* COLLECTS. In HW_MODE_SERVER: go on with a cycle by about `units` work units, 0 for a usual step, or begin one when it
 * is time. 0 when there is nothing to go on with, and in the other modes. */
HW_IMPORT(hw_step) hw_u32 hw_step(hw_u32 units);

/* For tests: a collection at every `number`-th allocation (HW_STRESS_ALLOCATIONS), after every `number` bytes, or at
 * one of `number` allocations by chance, with `seed`. With `moves` each moves all that may move. */
#define HW_STRESS_OFF 0u
#define HW_STRESS_ALLOCATIONS 1u
#define HW_STRESS_BYTES 2u
#define HW_STRESS_RANDOM 3u
HW_IMPORT(hw_stress) hw_status hw_stress(hw_u32 kind, hw_u32 number, hw_u32 seed, hw_u32 moves);

/* For tests: 0 when the heap with all its objects is sound, else what is wrong (docs/objects.md, The write barrier); it
 * looks at everything. hw_fault_address says where. Does not collect. */
HW_IMPORT(hw_verify) hw_u32 hw_verify(void);
HW_IMPORT(hw_fault_address) const void *hw_fault_address(void);

/* ==== weak references and maps ==================================================================================== */

/* COLLECTS. An object that refers to `target` without keeping it. It can be stored in fields like any other. Null when
 * out of memory, or when `target` is neither null nor an object. */
HW_IMPORT(hw_weak_new) hw_ref hw_weak_new(hw_ref target);

/* What it refers to; null when that has died, and for what is no weak reference. */
HW_IMPORT(hw_weak_get) hw_ref hw_weak_get(hw_ref weak);

/* The same as a slot outside the heap, until hw_weak_root_free: null when out of memory. Does not collect. */
typedef struct hw_weak_root hw_weak_root;
HW_IMPORT(hw_weak_root_get) hw_ref hw_weak_root_get(hw_weak_root *slot);
HW_INLINE hw_weak_root *hw_weak_root_new(hw_ref target) {
  return (hw_weak_root *)hw_root_of_kind(HW_ROOT_WEAK, target);
}
HW_INLINE hw_status hw_weak_root_free(hw_weak_root *slot) { return hw_root_remove(HW_ROOT_WEAK, slot); }

/* COLLECTS. A map whose entries keep their values only as long as the map and the key live. Null when out of memory. */
HW_IMPORT(hw_weak_map_new) hw_ref hw_weak_map_new(void);

/* COLLECTS. Set the value of the object `key`: any word. */
HW_IMPORT(hw_weak_map_set) hw_status hw_weak_map_set(hw_ref map, hw_ref key, hw_ref value);

/* The value, null when there is none; whether there is one; delete it, and whether there was one. */
HW_IMPORT(hw_weak_map_get) hw_ref hw_weak_map_get(hw_ref map, hw_ref key);
HW_IMPORT(hw_weak_map_has) hw_u32 hw_weak_map_has(hw_ref map, hw_ref key);
HW_IMPORT(hw_weak_map_delete) hw_u32 hw_weak_map_delete(hw_ref map, hw_ref key);

/* ==== finalizers ====================================================================================================
 *
 * The heap never calls the program: it hands out numbers.
 */

/* When the object has died, hw_next_finalizer gives `id`, not 0, once. Does not collect. */
HW_IMPORT(hw_finalizer_add) hw_status hw_finalizer_add(hw_ref object, hw_u32 id);

/* Take a finalizer out again; 1 when it was there and not yet ready. */
HW_IMPORT(hw_finalizer_remove) hw_u32 hw_finalizer_remove(hw_u32 id);

/* The next id whose object has died, in the order in which they were added; 0 when there is none. */
HW_IMPORT(hw_next_finalizer) hw_u32 hw_next_finalizer(void);

#ifdef __cplusplus
}
#endif

#endif
