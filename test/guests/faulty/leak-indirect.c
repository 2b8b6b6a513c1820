/* A list whose head is forgotten: the first node is lost, and the two behind it with it. */
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

struct node {
  struct node *next;
  int value;
};
APART struct node *make(struct node *next) {
  struct node *node = malloc(sizeof(struct node));
  node->next = next;
  node->value = 2;
  return node;
}
int main(void) {
  return make(make(make(NULL)))->value == 1;
}
