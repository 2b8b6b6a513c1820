/* A field of a structure at a null pointer. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

struct node {
  int value;
  struct node *next;
};
static struct node *volatile none;
APART int get(struct node *node) { return node->next != NULL; }
static const char *volatile text = "data";
int main(void) { return get(none) && text[0] == 'x'; }
