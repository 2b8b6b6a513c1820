/* A string copied to a block that is one byte too short. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(size_t bytes) { return malloc(bytes); }
APART void fill(char *to, const char *from) { strcpy(to, from); }
int main(void) {
  char *block = make(8);
  fill(block, "8 letter");
  free(block);
  return 0;
}
