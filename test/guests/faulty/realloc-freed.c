/* A freed block is reallocated. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void *make(void) { return malloc(16); }
APART void *grow(void *block) { return realloc(block, 64); }
int main(void) {
  void *block = make();
  free(block);
  free(grow(block));
  return 0;
}
