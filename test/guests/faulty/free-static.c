/* A string constant is freed. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void release(void *block) { free(block); }
static char text[] = "static";
int main(void) {
  release(text);
  return 0;
}
