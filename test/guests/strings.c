/* Words counted in a hash table that grows, as programs over text do: many short strings, some long ones. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
  struct entry *next;
  char *word;
  unsigned count;
};

static struct entry **table;
static size_t buckets, entries;

static void *need(void *block) {
  if (!block) {
    fprintf(stderr, "out of memory\n");
    exit(3);
  }
  return block;
}

static uint32_t hash(const char *word) {
  uint32_t value = 2166136261u;
  for (; *word; word++) value = (value ^ (unsigned char)*word) * 16777619u;
  return value;
}

static void grow(void) {
  size_t count = buckets ? buckets * 2 : 8;
  struct entry **larger = need(calloc(count, sizeof *larger));
  for (size_t i = 0; i < buckets; i++) {
    for (struct entry *entry = table[i], *next; entry; entry = next) {
      next = entry->next;
      struct entry **head = &larger[hash(entry->word) % count];
      entry->next = *head;
      *head = entry;
    }
  }
  free(table);
  table = larger;
  buckets = count;
}

static void add(const char *word) {
  if (entries >= buckets) grow();
  struct entry **head = &table[hash(word) % buckets];
  for (struct entry *entry = *head; entry; entry = entry->next) {
    if (strcmp(entry->word, word) == 0) {
      entry->count++;
      return;
    }
  }
  struct entry *entry = need(malloc(sizeof *entry));
  entry->word = need(strdup(word));
  entry->count = 1;
  entry->next = *head;
  *head = entry;
  entries++;
}

int main(void) {
  uint32_t state = 42;
  for (int i = 0; i < 60000; i++) {
    char word[64];
    state = state * 1664525u + 1013904223u;
    snprintf(word, sizeof word, "%0*u", (int)(state >> 28) + 1, (state >> 12) % 9000);
    add(word);
  }
  uint64_t sum = 0;
  char *all = need(calloc(1, 1));
  size_t length = 0;
  for (size_t i = 0; i < buckets; i++) {
    for (struct entry *entry = table[i], *next; entry; entry = next) {
      next = entry->next;
      sum += (uint64_t)hash(entry->word) * entry->count;
      size_t more = strlen(entry->word);
      all = need(realloc(all, length + more + 1));
      memcpy(all + length, entry->word, more + 1);
      length += more;
      free(entry->word);
      free(entry);
    }
  }
  printf("%zu words in %zu buckets, sum %llu, %zu characters, hash %u\n", entries, buckets, (unsigned long long)sum,
         length, hash(all));
  free(all);
  free(table);
  return 0;
}
