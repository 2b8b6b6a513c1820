/*
 * hog COUNT BYTES [keep]: takes COUNT blocks of BYTES each and writes to all of each, until it is refused; then it says
 * how many it got and whether their bytes are what it wrote, and frees all, or with `keep` none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
  struct block *next;
  size_t number;
  unsigned char bytes[];
};

int main(int count, char **arguments) {
  size_t wanted = count > 1 ? strtoul(arguments[1], NULL, 10) : 1000;
  size_t size = count > 2 ? strtoul(arguments[2], NULL, 10) : 1000;
  if (size < sizeof(struct block)) size = sizeof(struct block);
  struct block *blocks = NULL;
  size_t got = 0;
  while (got < wanted) {
    struct block *block = malloc(size);
    if (!block) break;
    memset(block, (int)(got & 0xff), size);
    block->next = blocks;
    block->number = got++;
    blocks = block;
  }
  size_t damaged = 0;
  for (struct block *block = blocks; block; block = block->next)
    for (size_t i = 0; i < size - sizeof *block; i++)
      if (block->bytes[i] != (block->number & 0xff)) {
        damaged++;
        break;
      }
  if (count <= 3)
    while (blocks) {
      struct block *next = blocks->next;
      free(blocks);
      blocks = next;
    }
  printf("%s after %zu blocks, %zu damaged\n", got == wanted ? "done" : "refused", got, damaged);
  return damaged != 0;
}
