/* An index of -1. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART int *make(void) { return malloc(10 * sizeof(int)); }
APART int get(int *from, int at) { return from[at]; }
int main(void) {
  int *block = make();
  int found = get(block, -1) == 1;
  free(block);
  return found;
}
