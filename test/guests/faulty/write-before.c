/* An index of -1. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART int *make(void) { return malloc(10 * sizeof(int)); }
APART void put(int *to, int at) { to[at] = 7; }
int main(void) {
  int *block = make();
  put(block, -1);
  free(block);
  return 0;
}
