/* One element too far. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART int *make(void) { return calloc(10, sizeof(int)); }
APART int get(int *from, int at) { return from[at]; }
int main(void) {
  int *block = make();
  int sum = 0;
  for (int i = 0; i <= 10; i++) sum |= get(block, i) == 1;
  free(block);
  return sum;
}
