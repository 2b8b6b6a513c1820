/* memcpy of more than the destination has. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(size_t bytes) { return malloc(bytes); }
APART void fill(char *to, const char *from, size_t bytes) { memcpy(to, from, bytes); }
int main(void) {
  char *from = make(64), *to = make(40);
  memset(from, 1, 64);
  fill(to, from, 41);
  free(from);
  free(to);
  return 0;
}
