/* The size of a freed block is asked for. */
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#define APART __attribute__((noinline))

APART void *make(void) { return malloc(16); }
APART size_t ask(void *block) { return malloc_usable_size(block); }
int main(void) {
  void *block = make();
  free(block);
  return ask(block) != 0;
}
