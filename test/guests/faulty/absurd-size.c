/* A length that came out negative. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void *make(int length) { return malloc(length); }
int main(void) {
  return make(-8) != NULL;
}
