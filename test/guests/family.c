/* Every function of the malloc family, with what the standards promise of each. Prints what any allocator must give. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int isFilled(const unsigned char *bytes, size_t count, int value) {
  for (size_t i = 0; i < count; i++)
    if (bytes[i] != value) return 0;
  return 1;
}

static void say(const char *what, int holds) { printf("%s: %s\n", what, holds ? "yes" : "NO"); }

/* The compiler may neither guess what malloc does with such a size, nor leave out a call whose block nobody uses. */
static volatile size_t huge = SIZE_MAX - 8;
static void *volatile refused;

int main(void) {
  unsigned char *plain = malloc(100);
  say("malloc gives a block aligned to 16 or 8", plain && (uintptr_t)plain % 8 == 0);
  memset(plain, 0x5a, 100);
  say("malloc_usable_size is at least what was asked", malloc_usable_size(plain) >= 100);

  unsigned char *zeroed = calloc(25, 40);
  say("calloc gives zeros", zeroed && isFilled(zeroed, 1000, 0));
  say("calloc refuses a product that overflows", (refused = calloc(huge, 16)) == NULL);

  plain = realloc(plain, 100000);
  say("realloc keeps the bytes when it grows", plain && isFilled(plain, 100, 0x5a));
  plain = realloc(plain, 10);
  say("realloc keeps the bytes when it shrinks", plain && isFilled(plain, 10, 0x5a));
  say("realloc refuses what cannot be", realloc(plain, huge) == NULL && isFilled(plain, 10, 0x5a));
  unsigned char *fromNull = realloc(NULL, 33);
  say("realloc of NULL is malloc", fromNull != NULL);

  int isAligned = 1;
  for (size_t alignment = 16; alignment <= 65536; alignment *= 2) {
    void *aligned = aligned_alloc(alignment, alignment * 2);
    if (!aligned || (uintptr_t)aligned % alignment != 0) isAligned = 0;
    free(aligned);
  }
  say("aligned_alloc aligns", isAligned);

  void *posix = NULL;
  say("posix_memalign gives 0", posix_memalign(&posix, 256, 1000) == 0 && (uintptr_t)posix % 256 == 0);
  void *kept = posix;
  say("posix_memalign refuses an alignment that is no power of two",
      posix_memalign(&posix, 24, 10) == EINVAL && posix == kept);
  say("posix_memalign says ENOMEM", posix_memalign(&posix, 16, huge) == ENOMEM && posix == kept);

  say("malloc refuses what cannot be", (refused = malloc(huge)) == NULL);
  free(NULL);
  free(posix);
  free(fromNull);
  free(zeroed);
  free(plain);
  return 0;
}
