/* Whole files and standard input, read with a limit. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "base/buf.h"

/* Appends the bytes of `path` ("-": standard input) to out. On an error `problem` holds one line.
 */
enum err file_read(const char *path, size_t max, struct buf *out, struct buf *problem);

#endif
