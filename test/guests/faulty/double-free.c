/* A block freed twice. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void *make(void) { return malloc(16); }
APART void release(void *block) { free(block); }
int main(void) {
  void *block = make();
  release(block);
  release(block);
  return 0;
}
