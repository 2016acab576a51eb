/* Server-Sent Events as text, and the number that tells where in a job's events a reader is. Pure.
 */
#ifndef API_SSE_H
#define API_SSE_H

#include "base/buf.h"

/* A place in the events of a job. It is written as one number that grows with each event: attempt,
 * then chunks, then events, with SSE_CHUNKS_MAX and SSE_EXTRA_MAX as the bases. */
struct sse_place {
    int64_t attempt; /* 0: none has begun */
    int64_t next;    /* index of the next chunk of it */
    int64_t extra;   /* other events since the last chunk */
};
#define SSE_EXTRA_MAX 1000
#define SSE_CHUNKS_MAX 1000000000
#define SSE_ATTEMPTS_MAX 1000000

/* ERR_BAD_REQUEST for what sse_put_event() never writes. */
enum err sse_read_place(struct slice id, struct sse_place *ret_place);

/* One event. Newlines in data become further data lines, so the reader gets them back. Beyond
 * SSE_EXTRA_MAX the id is left out and the reader keeps the last one. */
void sse_put_event(struct buf *out, const char *name, const struct sse_place *id,
                   struct slice data);

#endif
