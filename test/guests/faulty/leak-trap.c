/* A block lost before the program traps. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

static void *kept;
APART void *make(size_t bytes) { return malloc(bytes); }
APART void lose(void) { ((char *)make(33))[0] = 1; }
int main(void) {
  lose();
  kept = make(44);
  abort();
}
