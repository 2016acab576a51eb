/* What an earlier agent left in the folder of a spool. */
#ifndef WORKER_SPOOL_DIR_H
#define WORKER_SPOOL_DIR_H

#include <stddef.h>

typedef void (*spool_dir_fn)(const char *name, size_t size, void *arg);

/* Calls back with each complete file, oldest first, and removes what was never finished. Returns
 * how many there were. dir_fd: of `dir`. */
size_t spool_dir_each(const char *dir, int dir_fd, spool_dir_fn fn, void *arg);

#endif
