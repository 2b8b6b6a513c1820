/* The common mistake with realloc: without memory it gives NULL, and the old block is lost. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(void) { return malloc(100); }
APART char *grow(char *block) {
  block = realloc(block, 0x7fff0000);
  return block;
}
int main(void) {
  char *block = grow(make());
  return block != NULL;
}
