/* memset of more than the block has. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(size_t bytes) { return malloc(bytes); }
APART void fill(char *to, size_t bytes) { memset(to, 1, bytes); }
int main(void) {
  char *block = make(40);
  fill(block, 44);
  free(block);
  return 0;
}
