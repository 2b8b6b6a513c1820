/* A block whose only address is forgotten when the function that made it returns. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void *make(void) { return malloc(24); }
APART void work(void) {
  char *block = make();
  block[0] = 1;
}
int main(void) {
  work();
  return 0;
}
