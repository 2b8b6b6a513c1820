/* qsort and a merge sort of lines, with buffers from malloc and calloc. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int byText(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static int byNumber(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return (left > right) - (left < right);
}

static void mergeSort(uint32_t *items, size_t count) {
  if (count < 2) return;
  size_t half = count / 2, left = 0, right = half;
  mergeSort(items, half);
  mergeSort(items + half, count - half);
  uint32_t *merged = malloc(count * sizeof *merged);
  if (!merged) exit(3);
  for (size_t i = 0; i < count; i++) {
    int isLeft = right == count || (left < half && items[left] <= items[right]);
    merged[i] = isLeft ? items[left++] : items[right++];
  }
  memcpy(items, merged, count * sizeof *merged);
  free(merged);
}

int main(void) {
  enum { LINES = 3000, NUMBERS = 50000 };
  uint32_t state = 5;
  char **lines = calloc(LINES, sizeof *lines);
  if (!lines) return 3;
  for (int i = 0; i < LINES; i++) {
    state = state * 1664525u + 1013904223u;
    if (!(lines[i] = malloc(24))) return 3;
    snprintf(lines[i], 24, "%08x line", state);
  }
  qsort(lines, LINES, sizeof *lines, byText);
  printf("%s ... %s\n", lines[0], lines[LINES - 1]);
  for (int i = 0; i < LINES; i++) free(lines[i]);
  free(lines);

  uint32_t *numbers = malloc(NUMBERS * sizeof *numbers), *copy = malloc(NUMBERS * sizeof *copy);
  if (!numbers || !copy) return 3;
  for (int i = 0; i < NUMBERS; i++) copy[i] = numbers[i] = state = state * 1664525u + 1013904223u;
  qsort(numbers, NUMBERS, sizeof *numbers, byNumber);
  mergeSort(copy, NUMBERS);
  printf("%u ... %u, %s\n", numbers[0], numbers[NUMBERS - 1],
         memcmp(numbers, copy, NUMBERS * sizeof *copy) == 0 ? "both sorts agree" : "the sorts DIFFER");
  free(numbers);
  free(copy);
  return 0;
}
