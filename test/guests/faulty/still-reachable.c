/* A block that static memory points to at the end: no fault. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

static char *kept;
APART char *make(void) { return malloc(77); }
int main(void) {
  kept = make();
  return kept[0] == 1 && kept[1] == 2;
}
