/* An address inside a block is reallocated. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(void) { return malloc(16); }
APART void *grow(char *block) { return realloc(block + 4, 64); }
int main(void) {
  char *block = make();
  free(grow(block));
  free(block);
  return 0;
}
