/* A string without its end. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(size_t bytes) { return malloc(bytes); }
APART size_t measure(const char *text) { return strlen(text); }
int main(void) {
  char *block = make(16);
  memset(block, 'a', 16);
  size_t found = measure(block);
  free(block);
  return found == 1;
}
