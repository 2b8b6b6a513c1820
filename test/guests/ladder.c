/* Buffers that grow and shrink by realloc, each filled with its own pattern, which is checked after every step. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT 40

static unsigned char *buffers[COUNT];
static size_t sizes[COUNT];
static uint32_t state = 99;
static uint32_t next(void) { return state = state * 1664525u + 1013904223u; }

static void fill(int i, size_t from) {
  for (size_t at = from; at < sizes[i]; at++) buffers[i][at] = (unsigned char)(i * 37 + at);
}

static int isIntact(int i, size_t bytes) {
  for (size_t at = 0; at < bytes; at++)
    if (buffers[i][at] != (unsigned char)(i * 37 + at)) return 0;
  return 1;
}

int main(void) {
  size_t peak = 0;
  for (int step = 0; step < 4000; step++) {
    int i = (int)((next() >> 16) % COUNT);
    size_t size = ((size_t)next() >> 8) % (1u << (4 + (next() >> 28))) + 1;
    size_t kept = size < sizes[i] ? size : sizes[i];
    unsigned char *moved = realloc(buffers[i], size);
    if (!moved) {
      fprintf(stderr, "out of memory at step %d\n", step);
      return 3;
    }
    buffers[i] = moved;
    if (!isIntact(i, kept)) {
      printf("step %d: buffer %d has changed\n", step, i);
      return 1;
    }
    sizes[i] = size;
    fill(i, kept);
    size_t total = 0;
    for (int k = 0; k < COUNT; k++) total += sizes[k];
    if (total > peak) peak = total;
  }
  size_t total = 0;
  for (int i = 0; i < COUNT; i++) {
    if (!isIntact(i, sizes[i])) return 1;
    total += sizes[i];
    free(buffers[i]);
  }
  printf("%zu bytes at the end, %zu at most\n", total, peak);
  return 0;
}
