/* A number that never was an address is freed, one that is not even aligned. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void release(void *block) { free(block); }
int main(void) {
  release((void *)0x3fffff01);
  return 0;
}
