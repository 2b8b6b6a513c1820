/* A local array is freed. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void release(void *block) { free(block); }
int main(void) {
  char local[64];
  memset(local, 1, sizeof local);
  release(local);
  return local[3] - 1;
}
