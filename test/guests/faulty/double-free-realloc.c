/* A block freed by its old address, after realloc has moved it. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void *make(void) { return malloc(16); }
APART void *grow(void *block) { return realloc(block, 4000); }
APART void release(void *block) { free(block); }
int main(void) {
  void *block = make();
  void *moved = grow(block);
  release(block);
  release(moved);
  return 0;
}
