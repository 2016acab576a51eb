/* Output of a process cut into lines, and which job a line names. Pure. */
#ifndef WORKER_LINES_H
#define WORKER_LINES_H

#include "base/buf.h"

#define LINE_MAX_BYTES ((size_t)2048) /* longer lines come in several pieces */

typedef void (*line_fn)(struct slice line, void *arg);

/* Zeroed memory is ready for use. */
struct lines {
    struct buf part; /* private: a line that has not ended yet */
};
void lines_done(struct lines *lines);
AUTO_DEFINE_EMBEDDED(lines_done, struct lines)
/* Calls back with each line that is complete, without its end; empty ones are left out. */
void lines_feed(struct lines *lines, struct slice bytes, line_fn fn, void *arg);
void lines_flush(struct lines *lines, line_fn fn, void *arg); /* what is left counts as a line */

/* Lines of the SDK are JSON with a requestId: the job they are about, or null. */
enum line_kind { LINE_PLAIN, LINE_OF_JOB, LINE_OF_NO_JOB };
enum line_kind line_read(struct slice line, struct buf *ret_job);

#endif
