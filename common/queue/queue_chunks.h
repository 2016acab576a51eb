/* The reading that consumes nothing: state, progress and chunks of one job from a position on, for
 * any number of independent readers. While the job goes on the watcher is registered as one that
 * wants chunks, see bus.h. */
#ifndef QUEUE_QUEUE_CHUNKS_H
#define QUEUE_QUEUE_CHUNKS_H

#include "queue/queue.h"

struct chunks_request {
    struct slice watcher; /* may be empty */
    struct rate rate;
    int64_t attempt, first; /* first counts in that attempt only; in another one all are wanted */
    size_t bytes_max;       /* at least one chunk comes */
    struct slice version;   /* the one known; empty: none */
};

struct chunks_page {
    struct job_view job;  /* without members when the version is the known one */
    struct slice version; /* differs when state, attempt or progress output do */
    int64_t first;        /* index of chunk 0 of this page */
    int64_t stored;       /* chunks of the attempt so far */
    size_t count;
    const struct reply *reply;
};

void queue_chunks(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                  const struct chunks_request *request, store_fn fn);
/* ERR_NOT_FOUND when the job is unknown, ERR_LIMITED see queue_limited_ms(). */
enum err queue_chunks_result(const struct reply *reply, struct slice id,
                             struct chunks_page *ret_page);
struct slice chunks_page_at(const struct chunks_page *page, size_t index);

#endif
