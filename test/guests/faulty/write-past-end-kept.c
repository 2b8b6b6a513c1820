/* A write past the end of a block that is never freed: found at exit. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

static char *kept;
APART char *make(void) { return malloc(13); }
APART void put(char *to, int at) { to[at] = 7; }
int main(void) {
  kept = make();
  put(kept, 13);
  return 0;
}
