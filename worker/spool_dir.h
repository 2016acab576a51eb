/* The folder of a spool: one agent's at a time, and what an earlier one left there. */
#ifndef WORKER_SPOOL_DIR_H
#define WORKER_SPOOL_DIR_H

#include "base/buf.h"

/* Makes the folder when it is missing and locks it. problem gets a text when it cannot be used: no
 * permission, in use by another agent; what was opened by then is the caller's to close. */
enum err spool_dir_open(const char *dir, int *ret_dir_fd, int *ret_lock_fd, struct buf *problem);

typedef void (*spool_dir_fn)(const char *name, size_t size, void *arg);

/* Calls back with each complete file, oldest first, and removes what was never finished. Returns
 * how many there were. dir_fd: of `dir`. */
size_t spool_dir_each(const char *dir, int dir_fd, spool_dir_fn fn, void *arg);

#endif
