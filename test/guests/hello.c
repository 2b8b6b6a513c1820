/* Arguments, standard input and environment as a program sees them; a first argument `stdin` copies the input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments) {
  char *greeting = malloc(32);
  if (!greeting) return 1;
  strcpy(greeting, "hello, world");
  printf("%s\n", greeting);
  free(greeting);
  for (int i = 1; i < count; i++) printf("argument %d: %s\n", i, arguments[i]);
  const char *value = getenv("GUEST_VALUE");
  if (value) printf("GUEST_VALUE: %s\n", value);
  if (count > 1 && strcmp(arguments[1], "stdin") == 0) {
    char line[1000];
    while (fgets(line, sizeof line, stdin)) fputs(line, stdout);
  }
  fprintf(stderr, "hello on standard error\n");
  return 0;
}
