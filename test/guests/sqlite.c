/*
 * SQLite on databases in memory: SQL from the arguments, or from standard input when there is none. Rows go to standard
 * output, their columns separated by |; an error goes to standard error, and the exit code is 1 then, SQLITE_NOMEM
 * gives 7. Files cannot be opened: the operating system below has none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sqlite3.h"

static int openNothing(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *outFlags) {
  file->pMethods = NULL;
  return SQLITE_CANTOPEN;
}
static int deleteNothing(sqlite3_vfs *vfs, const char *name, int syncs) { return SQLITE_IOERR_DELETE; }
static int accessNothing(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
  *result = 0;
  return SQLITE_OK;
}
static int fullPathname(sqlite3_vfs *vfs, const char *name, int bytes, char *path) {
  sqlite3_snprintf(bytes, path, "%s", name);
  return SQLITE_OK;
}
/* The same at every run, so that runs can be compared. */
static int randomness(sqlite3_vfs *vfs, int bytes, char *out) {
  for (int i = 0; i < bytes; i++) out[i] = (char)(i * 57 + 11);
  return bytes;
}
static int sleepNot(sqlite3_vfs *vfs, int microseconds) { return microseconds; }
static int currentTime(sqlite3_vfs *vfs, double *julianDay) {
  *julianDay = 2440587.5 + (double)time(NULL) / 86400.0;
  return SQLITE_OK;
}
static int lastError(sqlite3_vfs *vfs, int bytes, char *text) { return 0; }

int sqlite3_os_init(void) {
  static sqlite3_vfs none = {
      .iVersion = 1,
      .szOsFile = sizeof(sqlite3_file),
      .mxPathname = 512,
      .zName = "none",
      .xOpen = openNothing,
      .xDelete = deleteNothing,
      .xAccess = accessNothing,
      .xFullPathname = fullPathname,
      .xRandomness = randomness,
      .xSleep = sleepNot,
      .xCurrentTime = currentTime,
      .xGetLastError = lastError,
  };
  return sqlite3_vfs_register(&none, 1);
}
int sqlite3_os_end(void) { return SQLITE_OK; }

static int printRow(void *unused, int columns, char **values, char **names) {
  for (int i = 0; i < columns; i++) printf("%s%s", i > 0 ? "|" : "", values[i] ? values[i] : "NULL");
  putchar('\n');
  return 0;
}

/* All of standard input; NULL when there is no memory for it. */
static char *readAll(void) {
  size_t length = 0, room = 4096;
  char *text = malloc(room);
  while (text) {
    length += fread(text + length, 1, room - length - 1, stdin);
    if (length < room - 1) break;
    char *larger = realloc(text, room *= 2);
    if (!larger) free(text);
    text = larger;
  }
  if (text) text[length] = 0;
  return text;
}

static int run(sqlite3 *database, const char *sql) {
  char *message = NULL;
  int status = sqlite3_exec(database, sql, printRow, NULL, &message);
  if (status != SQLITE_OK) {
    fflush(stdout);
    fprintf(stderr, "error %d: %s\n", status, message ? message : sqlite3_errstr(status));
  }
  sqlite3_free(message);
  return status;
}

int main(int count, char **arguments) {
  sqlite3 *database = NULL;
  int status = sqlite3_open(":memory:", &database);
  if (status != SQLITE_OK) {
    fprintf(stderr, "error %d: %s\n", status, sqlite3_errstr(status));
  } else if (count > 1) {
    for (int i = 1; i < count && status == SQLITE_OK; i++) status = run(database, arguments[i]);
  } else {
    char *sql = readAll();
    status = sql ? run(database, sql) : SQLITE_NOMEM;
    free(sql);
  }
  sqlite3_close(database);
  sqlite3_shutdown();
  return status == SQLITE_OK ? 0 : status == SQLITE_NOMEM ? 7 : 1;
}
