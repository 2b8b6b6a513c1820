/* A pointer in static memory that is overwritten before its block is freed. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

static char *volatile kept;
APART void make(size_t bytes) { kept = malloc(bytes); }
int main(void) {
  make(10);
  make(20);
  free(kept);
  return 0;
}
