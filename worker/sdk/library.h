/* A handler's shared object, loaded and checked against the ABI (millrace.h). */
#ifndef SDK_LIBRARY_H
#define SDK_LIBRARY_H

#include "base/buf.h"
#include "millrace.h"

struct library {
    void *object; /* dlopen's */
    const struct millrace_handler *handler;
};

/* On any error `problem` holds one line that says why. */
enum err library_open(struct library *library, const char *path, struct buf *problem);
/* The code stays mapped until the process ends: a handler's own threads may still run in it. */
unsigned library_concurrency(const struct library *library); /* at least 1 */

#endif
