/* Where the other programs of Millrace are. */
#ifndef CLI_PROGRAMS_H
#define CLI_PROGRAMS_H

#include <stdbool.h>

/* The path of `name` beside our own executable, else `name` itself, to be looked up in PATH; the
 * caller's. */
char *programs_find(const char *name);
/* Our own executable; the caller's. */
char *programs_self(void);
/* Is there an executable of that name in PATH? */
bool programs_is_in_path(const char *name);

#endif
