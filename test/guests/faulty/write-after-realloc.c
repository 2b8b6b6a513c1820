/* A write through the address from before realloc. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART int *make(void) { return malloc(10 * sizeof(int)); }
APART int *grow(int *block) { return realloc(block, 400); }
APART void put(int *to, int at) { to[at] = 7; }
int main(void) {
  int *block = make();
  int *moved = grow(block);
  put(block, 3);
  free(moved);
  return 0;
}
