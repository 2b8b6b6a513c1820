/* An address inside a block is freed. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(void) { return malloc(32); }
APART void release(char *block) { free(block + 8); }
int main(void) {
  char *block = make();
  release(block);
  free(block);
  return 0;
}
