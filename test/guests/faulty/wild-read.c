/* A read far behind all blocks. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(void) { return malloc(16); }
APART int get(char *from, int at) { return from[at]; }
int main(void) {
  char *block = make();
  int found = get(block, 3000) == 1;
  free(block);
  return found;
}
