/* A write through a pointer that was kept. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART int *make(void) { return malloc(10 * sizeof(int)); }
APART void release(int *block) { free(block); }
APART void put(int *to, int at) { to[at] = 7; }
int main(void) {
  int *block = make();
  release(block);
  put(block, 3);
  return 0;
}
