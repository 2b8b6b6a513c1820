/* A read through a pointer that was kept. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART int *make(void) { return malloc(10 * sizeof(int)); }
APART void release(int *block) { free(block); }
APART int get(int *from, int at) { return from[at]; }
int main(void) {
  int *block = make();
  release(block);
  return get(block, 3) == 0;
}
