/* Recursion without an end: the stack grows down into static data. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

static volatile int numbers[4096] = {1, 2, 3, 4};
APART int dig(int level) {
  char frame[2048];
  memset(frame, level, sizeof frame);
  if (level >= 36) return frame[level];
  return dig(level + 1) + frame[level];
}
int main(void) { return dig(0) == -1 && numbers[0] == 1; }
