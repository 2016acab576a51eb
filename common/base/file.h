/* Whole files: written so that they are there complete or not at all, read within a limit. All
 * calls block: on the loop's thread only at start, else in a thread. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"

/* Makes the folder and those above it, as far as they are missing. ERR_NOT_FOLDER: something else
 * is in the way. problem: one line that names the one that could not be made; errno says why. */
enum err file_make_dirs(const char *dir, mode_t mode, struct buf *problem);
/* Writes beside the path (PATH.new), syncs, renames, syncs the folder. False with errno set: then
 * nothing is left at either path. */
bool file_put(int dir_fd, const char *path, struct slice bytes);
/* Appends the whole file; ERR_TOO_LARGE above max. */
enum err file_get(const char *path, size_t max, struct buf *out);

#endif
