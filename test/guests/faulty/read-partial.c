/* A word at an aligned address of which only a part is the block's, read by no function of the C library. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(void) { return calloc(10, 1); }
APART int get(int *from, int at) { return from[at]; }
int main(void) {
  char *block = make();
  int found = get((int *)block, 2) == 1;
  free(block);
  return found;
}
