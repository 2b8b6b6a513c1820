/* A count and a size whose product is more than there are addresses. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void *make(size_t count, size_t bytes) { return calloc(count, bytes); }
int main(void) {
  return make(0x10000, 0x10001) != NULL;
}
