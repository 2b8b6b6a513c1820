/* The C library at work on blocks of every length: what looks wrong there to a hasty checker is right. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static char *make(size_t length) {
  char *text = malloc(length + 1);
  for (size_t i = 0; i < length; i++) text[i] = (char)('a' + (i * 7 + length) % 26);
  text[length] = 0;
  return text;
}

/* Ends of strings at every place in a word. */
static size_t strings(void) {
  char *all[64];
  size_t sum = 0;
  for (size_t i = 0; i < 64; i++) all[i] = make(i);
  qsort(all, 64, sizeof *all, compare);
  for (size_t i = 0; i < 64; i++) {
    size_t length = strlen(all[i]);
    char *copy = strdup(all[i]), *other = calloc(length + 1, 1), *bounded = malloc(length + 1);
    strcpy(other, copy);
    strncpy(bounded, copy, length + 1);
    sum += length + (strcmp(copy, other) == 0) + (strchr(copy, 'q') != NULL) + (memchr(copy, 'z', length) != NULL);
    sum += (size_t)(strrchr(bounded, 'c') != NULL) + strnlen(bounded, length) + strspn(bounded, "abc");
    free(copy);
    free(other);
    free(bounded);
    free(all[i]);
  }
  return sum;
}

static size_t numbers(void) {
  size_t room = 16, length = 0;
  char *text = malloc(room);
  for (int i = 0; i < 50; i++) {
    char one[40];
    size_t more = (size_t)snprintf(one, sizeof one, "%.*f;%g;%e;", i % 9, i * 1.25, i / 3.0, i * 1e10);
    while (length + more + 1 > room) text = realloc(text, room *= 2);
    memcpy(text + length, one, more + 1);
    length += more;
  }
  double value = strtod(text, NULL);
  free(text);
  return length + (size_t)value;
}

static size_t aligned(void) {
  void *block = NULL, *second = aligned_alloc(64, 128);
  if (posix_memalign(&block, 4096, 100) != 0 || ((uintptr_t)block & 4095) || ((uintptr_t)second & 63)) return 0;
  memset(block, 1, 100);
  memmove((char *)second + 3, second, 125);
  size_t usable = malloc_usable_size(block);
  free(block);
  free(second);
  free(malloc(0));
  free(realloc(NULL, 5));
  return usable >= 100;
}

int main(void) {
  printf("%zu %zu %zu\n", strings(), numbers(), aligned());
  return 0;
}
