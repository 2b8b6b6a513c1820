/* A block lost before the program calls exit, and one that a local still holds. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART void *make(size_t bytes) { return malloc(bytes); }
APART void lose(void) { ((char *)make(33))[0] = 1; }
APART void work(int count, char **arguments) {
  char *held = make(44);
  held[0] = 1;
  if (count > 0) exit(3);
  free(held);
}
int main(int count, char **arguments) {
  lose();
  work(count, arguments);
  return 0;
}
