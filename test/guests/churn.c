/*
 * Random replace: of `live` blocks one after the other, picked at random, is freed and another of 16 to `most` bytes put in
 * its place, whose first word is written. What a program with a mixed working set asks of its allocator, and nothing
 * else. Built as a reactor; the same code is compiled against the C library's malloc and linked to Heapwright's.
 */
#include <stdint.h>
#include <stdlib.h>

static uint32_t **blocks;
static uint32_t live, most, state;

static uint32_t next(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

static uint32_t size(void) {
  return 16 + next() % (most - 15);
}

/* Fill the places. 0, or 1 when memory has run out. */
__attribute__((export_name("begin"))) int begin(uint32_t live_, uint32_t most_) {
  live = live_;
  most = most_;
  state = 2463534242u;
  blocks = calloc(live, sizeof *blocks);
  if (!blocks) return 1;
  for (uint32_t i = 0; i < live; i++) {
    blocks[i] = malloc(size());
    if (!blocks[i]) return 1;
    *blocks[i] = i;
  }
  return 0;
}

/* Replace `steps` times; a sum over what was found, which every allocator must give alike. 0 when memory has run out. */
__attribute__((export_name("churn"))) uint32_t churn(uint32_t steps) {
  uint32_t sum = 1;
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t place = next() % live;
    sum = sum * 31 + *blocks[place];
    free(blocks[place]);
    blocks[place] = malloc(size());
    if (!blocks[place]) return 0;
    *blocks[place] = i;
  }
  return sum | 1;
}

/* Free everything. */
__attribute__((export_name("end"))) void end(void) {
  for (uint32_t i = 0; i < live; i++) free(blocks[i]);
  free(blocks);
}
