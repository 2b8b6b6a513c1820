/* files DIRECTORY: reads input.txt there line by line, and writes its lines in reverse order to output.txt. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments) {
  const char *directory = count > 1 ? arguments[1] : "/data";
  char path[256];
  snprintf(path, sizeof path, "%s/input.txt", directory);
  FILE *input = fopen(path, "r");
  if (!input) {
    printf("%s: %s\n", path, strerror(errno));
    return 2;
  }
  char **lines = NULL, *line = NULL;
  size_t used = 0, room = 0, capacity = 0;
  while (getline(&line, &capacity, input) > 0) {
    if (used == room) {
      room = room ? room * 2 : 4;
      char **more = realloc(lines, room * sizeof *lines);
      if (!more) return 3;
      lines = more;
    }
    if (!(lines[used++] = strdup(line))) return 3;
  }
  free(line);
  fclose(input);
  snprintf(path, sizeof path, "%s/output.txt", directory);
  FILE *output = fopen(path, "w");
  if (!output) return 2;
  printf("%zu lines\n", used);
  while (used > 0) {
    fputs(lines[--used], output);
    free(lines[used]);
  }
  fclose(output);
  free(lines);
  return 0;
}
