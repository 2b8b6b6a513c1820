/* Two blocks that point to each other, and nothing to either. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

struct node {
  struct node *other;
};
APART struct node *make(void) { return malloc(sizeof(struct node)); }
APART void work(void) {
  struct node *a = make(), *b = make();
  a->other = b;
  b->other = a;
}
int main(void) {
  work();
  return 0;
}
