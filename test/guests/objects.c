/*
 * A guest that uses collected objects, for test/guest-objects.test.ts, which has the same programs over plain
 * JavaScript objects where there is something to compare. What answers a line number has failed there; 0 is well.
 */
#include "heapwright.h"

#define EXPORT(name) __attribute__((export_name(#name)))
#define CHECK(condition) \
  do { \
    if (!(condition)) return __LINE__; \
  } while (0)

struct node {
  struct node *left, *right;
  hw_u32 value, more;
};
struct table {
  hw_u32 count;
  struct node *items[];
};
struct text {
  hw_u32 length;
  char bytes[];
};
struct pair {
  struct node *first, *second;
};
/* Elements with a reference among numbers, behind a fixed part that begins with one. */
struct entry {
  hw_u32 key;
  struct node *value;
};
struct entries {
  struct node *owner;
  hw_u32 count;
  struct entry at[];
};
/* A reference behind the first 128 bytes. */
struct wide {
  hw_u32 numbers[40];
  struct node *last;
};

static hw_type node_type, table_type, text_type, entries_type, wide_type;
static struct table *kept;
static hw_global *kept_global;

EXPORT(begin) int begin(hw_u32 mode) {
  static const hw_u16 offsets[] = {__builtin_offsetof(struct wide, last)};
  if (hw_begin_objects((hw_mode)mode, 0) != HW_OK) return __LINE__;
  node_type = hw_struct_type("node", sizeof(struct node), HW_REF(struct node, left) | HW_REF(struct node, right));
  table_type = hw_array_type("table", __builtin_offsetof(struct table, items), 0, 4, 1);
  text_type = hw_array_type("text", __builtin_offsetof(struct text, bytes), 0, 1, 0);
  entries_type = hw_array_type("entries", __builtin_offsetof(struct entries, at), HW_REF(struct entries, owner),
                               sizeof(struct entry), HW_REF(struct entry, value));
  wide_type = hw_long_type("wide", sizeof(struct wide), offsets, 1, 0);
  CHECK(node_type && table_type && text_type && entries_type && wide_type);
  kept_global = hw_global_add(&kept);
  CHECK(kept_global);
  return 0;
}

/* ---- trees ------------------------------------------------------------------------------------------------------- */

static struct node *build(hw_u32 depth) {
  if (depth == 0) return HW_NEW(struct node, node_type);
  HW_FRAME(struct pair, f);
  if (!f) return 0;
  f->first = build(depth - 1);
  f->second = build(depth - 1);
  struct node *node = f->first && f->second ? HW_NEW(struct node, node_type) : 0;
  if (node) {
    node->left = f->first;
    node->right = f->second;
  }
  hw_leave(f);
  return node;
}

static hw_u32 count(const struct node *node) { return node ? 1 + count(node->left) + count(node->right) : 0; }

/* Binary trees, as in bench/inside/objects.ts: how many nodes were seen; 0 when out of memory. */
EXPORT(trees) hw_u32 trees(hw_u32 depth) {
  hw_u32 sum = count(build(depth + 1)), d, i;
  hw_ref *f = hw_enter(1);
  if (!f) return 0;
  f[0] = build(depth);
  for (d = 4; d <= depth; d += 2) {
    for (i = 0; i < 1u << (depth - d + 4); i++) sum += count(build(d));
  }
  sum += count((struct node *)f[0]);
  hw_leave(f);
  return sum;
}

/* ---- garbage that refers to itself ------------------------------------------------------------------------------- */

/* Rings of ten nodes, all of them dropped. */
EXPORT(rings) int rings(hw_u32 number) {
  HW_FRAME(struct pair, f);
  CHECK(f);
  for (hw_u32 i = 0; i < number; i++) {
    f->first = f->second = HW_NEW(struct node, node_type);
    CHECK(f->first);
    for (hw_u32 k = 1; k < 10; k++) {
      struct node *node = HW_NEW(struct node, node_type);
      CHECK(node);
      node->left = f->second;
      HW_SET(f->second, right, node);
      f->second = node;
    }
    HW_SET(f->second, right, f->first);
    HW_SET(f->first, left, f->second);
  }
  hw_leave(f);
  return 0;
}

EXPORT(live_objects) hw_u32 live_objects(void) {
  struct hw_stats stats;
  if (hw_collect(HW_COLLECT_FULL) != HW_OK || hw_stats(&stats) != HW_OK) return ~0u;
  return stats.live_objects;
}

/* ---- a table of nodes that stays --------------------------------------------------------------------------------- */

EXPORT(keep) int keep(hw_u32 number) {
  kept = HW_NEW_ARRAY(struct table, items, table_type, number);
  CHECK(kept);
  kept->count = number;
  for (hw_u32 i = 0; i < number; i++) {
    struct node *node = HW_NEW(struct node, node_type);
    CHECK(node);
    node->value = i;
    HW_SET(kept, items[i], node);
  }
  return 0;
}

EXPORT(drop) void drop(void) { kept = 0; }

/* Drops all but every fourth node and compacts: how many of those that stay have moved; ~0 when one is not what it
 * was. */
EXPORT(move) hw_u32 move(void) {
  hw_u32 moved = 0;
  for (hw_u32 i = 0; i < kept->count; i++) {
    if (i % 4 != 3) HW_SET(kept, items[i], 0);
    else kept->items[i]->more = (hw_u32)kept->items[i];
  }
  if (hw_compact() != HW_OK) return ~0u;
  for (hw_u32 i = 3; i < kept->count; i += 4) {
    struct node *node = kept->items[i];
    if (node->value != i || hw_type_id(node) != ((hw_u32)node_type & HW_TYPE_MASK)) return ~0u;
    if (node->more != (hw_u32)node) moved++;
  }
  return moved;
}

/* ---- graphs at random: the model is in the test ------------------------------------------------------------------ */

static hw_u32 state;

static hw_u32 next_random(hw_u32 below) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % below;
}

EXPORT(graph_begin) int graph_begin(hw_u32 seed, hw_u32 slots) {
  state = seed;
  kept = HW_NEW_ARRAY(struct table, items, table_type, slots);
  CHECK(kept);
  kept->count = slots;
  return 0;
}

EXPORT(graph_run) int graph_run(hw_u32 operations) {
  while (operations--) {
    hw_u32 what = next_random(10), i = next_random(kept->count), k = next_random(kept->count);
    struct node *from = kept->items[i], *to = kept->items[k];
    if (what < 4) {
      struct node *node = HW_NEW(struct node, node_type);
      CHECK(node);
      node->value = next_random(1000);
      node->left = kept->items[k];
      HW_SET(kept, items[i], node);
    } else if (what < 6 && from) HW_SET(from, right, to);
    else if (what < 8 && from) HW_SET(from, left, to);
    else if (what == 8) HW_SET(kept, items[i], 0);
    else if (from && from->left) HW_SET(kept, items[k], from->left);
  }
  return 0;
}

EXPORT(graph_sum) hw_u32 graph_sum(void) {
  hw_u32 sum = 0;
  for (hw_u32 i = 0; i < kept->count; i++) {
    const struct node *node = kept->items[i];
    for (hw_u32 step = 0; step < 40 && node; step++) {
      sum = sum * 31 + node->value + step;
      node = (step ^ node->value) & 1 ? node->left : node->right;
    }
    sum = sum * 17 + (node ? 1 : 0);
  }
  return sum;
}

/* ---- bytes, mixed elements, long types --------------------------------------------------------------------------- */

static struct text *make_text(hw_u32 length, hw_u32 seed) {
  struct text *text = HW_NEW_ARRAY(struct text, bytes, text_type, length);
  if (!text) return 0;
  text->length = length;
  for (hw_u32 i = 0; i < length; i++) text->bytes[i] = (char)(seed + i * 7);
  return text;
}

EXPORT(texts) int texts(hw_u32 number) {
  hw_ref *f = hw_enter(2);
  CHECK(f);
  f[0] = HW_NEW_ARRAY(struct table, items, table_type, number);
  CHECK(f[0]);
  for (hw_u32 i = 0; i < number; i++) {
    f[1] = make_text(i * 37 % 9000, i);
    CHECK(f[1]);
    hw_store(f[0], &((struct table *)f[0])->items[i], f[1]);
    CHECK(make_text(i % 50, 1));
  }
  for (hw_u32 i = 0; i < number; i++) {
    struct text *text = (struct text *)((struct table *)f[0])->items[i];
    CHECK(text->length == i * 37 % 9000 && hw_object_bytes(text) == 4 + text->length);
    for (hw_u32 k = 0; k < text->length; k++) CHECK(text->bytes[k] == (char)(i + k * 7));
  }
  hw_leave(f);
  return 0;
}

EXPORT(shapes) int shapes(void) {
  hw_ref *f = hw_enter(2);
  CHECK(f);
  f[0] = HW_NEW_ARRAY(struct entries, at, entries_type, 20);
  f[1] = HW_NEW(struct wide, wide_type);
  CHECK(f[0] && f[1]);
  for (hw_u32 i = 0; i < 20; i++) {
    struct node *node = HW_NEW(struct node, node_type);
    struct entries *entries = (struct entries *)f[0];
    CHECK(node && entries->at[i].key == 0 && entries->at[i].value == 0);
    node->value = i * i;
    entries->at[i].key = i;
    HW_SET(entries, at[i].value, node);
  }
  struct node *node = HW_NEW(struct node, node_type);
  CHECK(node);
  node->value = 77;
  HW_SET((struct wide *)f[1], last, node);
  HW_SET((struct entries *)f[0], owner, node);
  CHECK(hw_compact() == HW_OK && hw_verify() == 0);
  struct entries *entries = (struct entries *)f[0];
  for (hw_u32 i = 0; i < 20; i++) CHECK(entries->at[i].key == i && entries->at[i].value->value == i * i);
  CHECK(entries->owner == ((struct wide *)f[1])->last && entries->owner->value == 77);
  hw_set_flags(f[0], 0xa5);
  CHECK(hw_compact() == HW_OK && hw_flags(f[0]) == 0xa5 && hw_flags(f[1]) == 0);
  hw_leave(f);
  return 0;
}

/* ---- out of memory ----------------------------------------------------------------------------------------------- */

/* Fills the heap with a list; when it is full, drops it and goes on. */
EXPORT(fill) int fill(hw_u32 expected_least) {
  hw_ref *f = hw_enter(1);
  hw_u32 made = 0;
  CHECK(f);
  for (;; made++) {
    struct node *node = HW_NEW(struct node, node_type);
    if (!node) break;
    node->left = (struct node *)f[0];
    f[0] = node;
  }
  CHECK(hw_error() == HW_OUT_OF_MEMORY);
  CHECK(made >= expected_least);
  CHECK(hw_verify() == 0);
  f[0] = 0;
  for (hw_u32 i = 0; i < 8; i++) hw_collect(HW_COLLECT_FULL);
  CHECK(HW_NEW(struct node, node_type));
  hw_leave(f);
  return 0;
}

/* ---- pins, roots, weak things, finalizers ------------------------------------------------------------------------ */

EXPORT(pins) int pins(void) {
  CHECK(keep(2000) == 0);
  HW_PINNED_FRAME(struct pair, f);
  CHECK(f);
  struct node *first = f->first = HW_NEW(struct node, node_type);
  CHECK(first);
  first->value = 5;
  struct node *second = f->second = HW_NEW(struct node, node_type);
  CHECK(second);
  HW_SET(first, left, second);
  drop();
  CHECK(hw_compact() == HW_OK && hw_collect(HW_COLLECT_FULL) == HW_OK);
  CHECK(f->first == first && first->value == 5 && first->left == second && f->second == second);
  hw_ref *pin = hw_pin_new(second);
  CHECK(pin && *pin == second);
  hw_leave_pinned(f);
  CHECK(hw_compact() == HW_OK && *pin == second && hw_object_status(second) == HW_OK);
  CHECK(hw_pin_free(pin) == HW_OK && hw_pin_free(pin) != HW_OK);
  return 0;
}

EXPORT(roots) int roots(void) {
  hw_ref *root = hw_root_new(HW_NEW(struct node, node_type));
  CHECK(root && *root);
  ((struct node *)*root)->value = 9;
  CHECK(keep(100) == 0);
  CHECK(hw_compact() == HW_OK && ((struct node *)*root)->value == 9);
  hw_u32 live = live_objects();
  CHECK(hw_root_free(root) == HW_OK && live_objects() == live - 1);
  CHECK(hw_root_free(root) == HW_NOT_A_BLOCK);
  CHECK(kept && kept->count == 100 && hw_global_remove(kept_global) == HW_OK);
  CHECK(live_objects() == live - 102);
  kept = 0;
  kept_global = hw_global_add(&kept);
  CHECK(kept_global);
  return 0;
}

EXPORT(weaks) int weaks(void) {
  hw_ref *f = hw_enter(4);
  CHECK(f);
  CHECK(f[0] = HW_NEW(struct node, node_type));
  CHECK(f[1] = hw_weak_new(f[0]));
  CHECK(hw_compact() == HW_OK && hw_weak_get(f[1]) == f[0] && f[0]);
  CHECK(f[2] = hw_weak_map_new());
  CHECK(f[3] = HW_NEW(struct node, node_type));
  ((struct node *)f[3])->value = 33;
  CHECK(hw_weak_map_set(f[2], f[0], f[3]) == HW_OK);
  f[3] = 0;
  hw_u32 hash = hw_identity_hash(f[0]);
  CHECK(hash && hw_compact() == HW_OK && hw_identity_hash(f[0]) == hash);
  CHECK(hw_weak_map_has(f[2], f[0]) && ((struct node *)hw_weak_map_get(f[2], f[0]))->value == 33);
  hw_weak_root *watch = hw_weak_root_new(f[0]);
  CHECK(watch && hw_weak_root_get(watch) == f[0]);
  hw_u32 live = live_objects();
  CHECK(hw_weak_root_get(watch) == f[0]);
  f[0] = 0;
  CHECK(live_objects() == live - 2 && hw_weak_get(f[1]) == 0 && hw_weak_root_get(watch) == 0);
  CHECK(hw_weak_root_free(watch) == HW_OK && hw_weak_root_free(watch) == HW_NOT_A_BLOCK);
  CHECK(f[0] = HW_NEW(struct node, node_type));
  CHECK(!hw_weak_map_has(f[2], f[0]) && hw_weak_map_set(f[2], f[0], (hw_ref)3) == HW_OK);
  CHECK(hw_weak_map_get(f[2], f[0]) == (hw_ref)3 && hw_weak_map_delete(f[2], f[0]) && !hw_weak_map_delete(f[2], f[0]));
  hw_leave(f);
  return 0;
}

EXPORT(finalizers) int finalizers(void) {
  hw_ref *f = hw_enter(3);
  CHECK(f);
  for (hw_u32 i = 0; i < 3; i++) {
    CHECK(f[i] = HW_NEW(struct node, node_type));
    CHECK(hw_finalizer_add(f[i], 100 + i) == HW_OK);
  }
  CHECK(hw_next_finalizer() == 0);
  f[2] = f[0] = 0;
  CHECK(hw_finalizer_remove(102) && !hw_finalizer_remove(102));
  CHECK(hw_collect(HW_COLLECT_FULL) == HW_OK && hw_next_finalizer() == 100 && hw_next_finalizer() == 0);
  f[1] = 0;
  CHECK(hw_collect(HW_COLLECT_FULL) == HW_OK && hw_next_finalizer() == 101 && hw_next_finalizer() == 0);
  hw_leave(f);
  return 0;
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

EXPORT(misuse) int misuse(void) {
  hw_u8 outside[64];
  struct hw_object_options options = {sizeof options, 12345, 0, 0, 0, 0, 0};
  CHECK(hw_begin_objects((hw_mode)7, 0) == HW_BAD_ARGUMENT);
  options.flags = 64;
  CHECK(hw_begin_objects(HW_MODE_VM, &options) == HW_BAD_ARGUMENT);
  CHECK(hw_begin_objects(HW_MODE_VM, (struct hw_object_options *)0xfffffff8) == HW_BAD_ARGUMENT);
  CHECK(hw_struct_type("long", 16, 1u << 7) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_array_type("late", 8, 2, 4, 1) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_array_type("none", 8, 0, 0, 1) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_struct_type("huge", 1u << 28, 0) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_add_type((const char *)0xfffffff0, 100, 8, 0, 0, 0) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_long_type("odd", 8, (const hw_u16 *)1, 1, 0) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_new(0, 16) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_new(node_type, 8) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_new(99999, sizeof(struct node)) == 0 && hw_new(3, 16) == 0);
  CHECK(hw_new_array(node_type, sizeof(struct node), 4, 2) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_new_array(text_type, 4, 1, 0xfffffff0u) == 0);
  CHECK(hw_new_array(table_type, 4, 4, 0x40000000u) == 0);
  hw_ref *f = hw_enter(2);
  CHECK(f && hw_enter(1u << 30) == 0 && hw_error() == HW_OUT_OF_MEMORY);
  CHECK(f[0] = HW_NEW(struct node, node_type));
  CHECK(hw_store_checked(f[0], (char *)f[0] + 2, f[0]) == HW_BAD_ARGUMENT);
  CHECK(hw_store_checked(f[0], (char *)f[0] + sizeof(struct node), f[0]) == HW_BAD_ARGUMENT);
  CHECK(hw_store_checked(outside, outside, f[0]) == HW_BAD_ARGUMENT);
  CHECK(hw_store_checked(f[0], f[0], (hw_ref)0x1238) == HW_BAD_ARGUMENT);
  CHECK(hw_store_checked(f[0], f[0], (hw_ref)7) == HW_OK && ((struct node *)f[0])->left == (hw_ref)7);
  CHECK(hw_copy_references(f[0], (char *)f[0] + 8, outside, 3) == HW_BAD_ARGUMENT);
  CHECK(hw_weak_new(outside) == 0 && hw_weak_new((hw_ref)0xfffffff8) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_weak_get(f[0]) == 0 && hw_weak_get((hw_ref)24) == 0 && hw_weak_map_get(f[0], f[0]) == 0);
  CHECK(hw_weak_map_set(f[0], f[0], 0) == HW_BAD_ARGUMENT && hw_identity_hash((hw_ref)40) == 0);
  CHECK(hw_finalizer_add(f[0], 0) == HW_BAD_ARGUMENT && hw_finalizer_add((hw_ref)8, 1) == HW_BAD_ARGUMENT);
  CHECK(hw_root_new((hw_ref)(hw_u32)0x7ffffff8) == 0 && hw_error() == HW_BAD_ARGUMENT);
  CHECK(hw_global_add((void *)2) == 0 && hw_global_add((void *)0xfffffffc) == 0 && hw_root_add(9, 0) == 0);
  CHECK(hw_global_add(f) == 0 && hw_global_add(f[0]) == 0 && hw_global_add(hw_space) == 0);
  CHECK(hw_root_free((hw_ref *)f) == HW_NOT_A_BLOCK && hw_root_free((hw_ref *)0xfffffffc) == HW_NOT_A_BLOCK);
  CHECK(hw_collect(3) == HW_BAD_ARGUMENT && hw_collect(256) == HW_BAD_ARGUMENT);
  CHECK(hw_stress(9, 1, 0, 0) == HW_BAD_ARGUMENT);
  CHECK(hw_next_object((hw_ref)16) == 0 && hw_free(f[0]) == HW_MISALIGNED && hw_free((void *)0xffffff00) == HW_FOREIGN);
  CHECK(hw_free((char *)f[0] - 8) != HW_OK && hw_realloc((char *)f[0] - 8, 10) == 0);
  CHECK(hw_get_stats((struct hw_stats *)0xfffffff0, 64) == HW_BAD_ARGUMENT && hw_set_limit(1) == HW_BAD_ARGUMENT);
  /* A frame that is none: collections are refused until the stack is as it was. */
  hw_leave((void *)64);
  CHECK(hw_collect(HW_COLLECT_FULL) == HW_BAD_ARGUMENT && hw_enter(1u << 20) == 0);
  hw_leave(f);
  CHECK(hw_collect(HW_COLLECT_FULL) == HW_OK);
  return 0;
}

/* Blocks beside objects, and what the figures say of them. */
EXPORT(blocks) int blocks(void) {
  struct hw_stats before, after;
  hw_u32 half[4] = {1, 2, 3, 4};
  CHECK(hw_stats(&before) == HW_OK && before.version == HW_STATS_VERSION && before.bytes == sizeof before);
  char *block = hw_alloc(100), *aligned = hw_aligned_alloc(4096, 10);
  CHECK(block && hw_is_block(block) && hw_usable_size(block) >= 100 && aligned && ((hw_u32)aligned & 4095) == 0);
  block[99] = 7;
  block = hw_realloc(block, 5000);
  CHECK(block && block[99] == 7 && hw_calloc(0x10000, 0x10000) == 0 && hw_alloc(0xfffffff0) == 0);
  CHECK(hw_realloc(half, 10) == 0 && hw_aligned_alloc(3, 10) == 0);
  CHECK(hw_stats(&after) == HW_OK && after.blocks == before.blocks + 2);
  CHECK(after.refused_requests == before.refused_requests + 2 && after.bad_frees == before.bad_frees + 1);
  CHECK(hw_free(aligned) == HW_OK && hw_free(aligned) == HW_NOT_A_BLOCK && hw_free(0) == HW_OK);
  CHECK(hw_free(block + 16) == HW_NOT_A_BLOCK && hw_free(block) == HW_OK && !hw_is_block(block));
  CHECK(hw_stats(&after) == HW_OK && after.blocks == before.blocks && after.bad_frees == before.bad_frees + 3);
  CHECK(hw_get_stats((struct hw_stats *)half, 12) == HW_OK && half[0] == 1 && half[3] == 4);
  hw_size limit = hw_limit();
  CHECK(hw_set_limit(after.committed_bytes) == HW_OK && hw_alloc(16 << 20) == 0);
  CHECK(hw_set_limit(limit) == HW_OK && hw_limit() == limit && hw_free(hw_alloc(1 << 20)) == HW_OK);
  return 0;
}

/* A store that is not told of. */
EXPORT(forget) int forget(void) {
  CHECK(keep(4) == 0 && hw_collect(HW_COLLECT_MINOR) == HW_OK);
  struct node *node = HW_NEW(struct node, node_type);
  CHECK(node);
  kept->items[0] = node;
  return 0;
}
