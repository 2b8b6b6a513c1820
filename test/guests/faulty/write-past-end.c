/* One byte too many: the end of a string has no room. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

APART char *make(const char *text) { return malloc(strlen(text)); }
APART void put(char *to, int at) { to[at] = 0; }
int main(int count, char **arguments) {
  char *copy = make("ten bytes.");
  put(copy, 10);
  free(copy);
  return 0;
}
