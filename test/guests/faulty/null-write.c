/* A store through a null pointer. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

static int *volatile none;
static const char *volatile text = "data";
APART void put(int *to, int value) { to[2] = value; }
int main(void) {
  put(none, 1);
  return text[0] == 'x';
}
