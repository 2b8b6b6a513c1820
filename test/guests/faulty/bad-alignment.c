/* An alignment that is no power of two. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART int make(void **out) { return posix_memalign(out, 24, 100); }
int main(void) {
  void *block = NULL;
  return make(&block) == 0;
}
