/* A treap: random insertions, removals and look-ups; every node is a block. Prints its size, depth and a sum in order. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct node {
  struct node *left, *right;
  uint32_t key, priority;
};

static uint32_t state = 7;
static uint32_t next(void) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

static struct node *merge(struct node *left, struct node *right) {
  if (!left) return right;
  if (!right) return left;
  if (left->priority > right->priority) {
    left->right = merge(left->right, right);
    return left;
  }
  right->left = merge(left, right->left);
  return right;
}

/* Keys below `key` to the left. */
static void split(struct node *tree, uint32_t key, struct node **left, struct node **right) {
  if (!tree) {
    *left = *right = NULL;
  } else if (tree->key < key) {
    split(tree->right, key, &tree->right, right);
    *left = tree;
  } else {
    split(tree->left, key, left, &tree->left);
    *right = tree;
  }
}

static size_t size, removed;

static struct node *toggle(struct node *tree, uint32_t key) {
  struct node *below, *same, *above;
  split(tree, key, &below, &same);
  split(same, key + 1, &same, &above);
  if (same) {
    free(same);
    size--;
    removed++;
    return merge(below, above);
  }
  struct node *node = malloc(sizeof *node);
  if (!node) {
    fprintf(stderr, "out of memory with %zu nodes\n", size);
    exit(3);
  }
  *node = (struct node){NULL, NULL, key, next()};
  size++;
  return merge(merge(below, node), above);
}

static int depth(const struct node *tree) {
  if (!tree) return 0;
  int left = depth(tree->left), right = depth(tree->right);
  return 1 + (left > right ? left : right);
}

static uint64_t place, sum;
static void walk(struct node *tree) {
  if (!tree) return;
  walk(tree->left);
  sum += ++place * tree->key;
  struct node *right = tree->right;
  free(tree);
  walk(right);
}

int main(int count, char **arguments) {
  int steps = count > 1 ? atoi(arguments[1]) : 100000;
  struct node *tree = NULL;
  for (int i = 0; i < steps; i++) tree = toggle(tree, next() % 20000);
  printf("%zu nodes, %zu removed, depth %d", size, removed, depth(tree));
  walk(tree);
  printf(", sum %llu\n", (unsigned long long)sum);
  return 0;
}
