/* Binary trees as collected objects, for bench/groups/guest-objects.ts: the program of bench/inside/objects.ts in C. */
#include "heapwright.h"

#define EXPORT(name) __attribute__((export_name(#name)))

struct node {
  struct node *left, *right;
};

static hw_type node_type;

EXPORT(begin) int begin(hw_u32 mode) {
  if (hw_begin_objects((hw_mode)mode, 0) != HW_OK) return 1;
  node_type = hw_struct_type("node", sizeof(struct node), HW_REF(struct node, left) | HW_REF(struct node, right));
  return node_type == 0;
}

/* Null when out of memory, which no count of nodes forgives. */
static struct node *build(hw_u32 depth) {
  if (depth == 0) return HW_NEW(struct node, node_type);
  HW_FRAME(struct node, f);
  if (!f) return 0;
  f->left = build(depth - 1);
  f->right = build(depth - 1);
  struct node *node = HW_NEW(struct node, node_type);
  if (node) *node = *f;
  hw_leave(f);
  return node;
}

static hw_u32 count(const struct node *node, hw_u32 sum) {
  return node ? count(node->right, count(node->left, sum + 1)) : sum;
}

static hw_u32 some(hw_u32 depth, hw_u32 times) {
  hw_u32 sum = 0;
  while (times--) sum += count(build(depth), 0);
  return sum;
}

EXPORT(trees) hw_u32 trees(hw_u32 depth) {
  hw_u32 sum = some(depth + 1, 1);
  HW_FRAME(struct node, f);
  if (!f) return 0;
  f->left = build(depth);
  for (hw_u32 d = 4; d <= depth; d += 2) {
    for (hw_u32 done = 0; done < 1u << (depth - d + 4); done += 16) sum += some(d, 16);
  }
  sum = count(f->left, sum);
  hw_leave(f);
  return sum;
}
