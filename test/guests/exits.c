/* exits code N | return N | abort | trap | divide | fall N | overflow: the ways in which a program ends, each with a block live. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int none = 0;
static char *volatile kept;

__attribute__((noinline)) static void fallInto(int depth) {
  kept[depth % 10] = 'x';
  if (depth == 0) __builtin_trap();
  fallInto(depth - 1);
  kept[depth % 10] = 'y';
}

static int recurseForever(int depth);
static int (*volatile again)(int) = recurseForever;

/* Its stack of the C compiler is small, that of the engine is what ends. */
static int recurseForever(int depth) { return again(depth + 1) + depth; }

int main(int count, char **arguments) {
  const char *way = count > 1 ? arguments[1] : "return";
  int number = count > 2 ? atoi(arguments[2]) : 0;
  kept = malloc(1000);
  if (!kept) return 99;
  printf("before\n");
  fflush(stdout);
  if (strcmp(way, "code") == 0) exit(number);
  if (strcmp(way, "return") == 0) return number;
  if (strcmp(way, "abort") == 0) abort();
  if (strcmp(way, "trap") == 0) __builtin_trap();
  if (strcmp(way, "divide") == 0) return 100 / none;
  if (strcmp(way, "fall") == 0) fallInto(number);
  if (strcmp(way, "overflow") == 0) return recurseForever(0);
  return 98;
}
