/* What the Server-Sent Events of a job are made of, shared by all its readers on this node.
 *
 * A tail follows one job as long as somebody reads it here: one watcher, one look into Redis at a
 * time, whatever the number of readers. Each reader has its own place and gets from there on each
 * chunk once, in order; the final status comes after the last chunk and ends it. Memory is bounded:
 * a reader that does not keep up is passed over and served from Redis when it has room again. */
#ifndef API_TAIL_H
#define API_TAIL_H

#include "base/list.h"
#include "net/http.h"
#include "queue/queue_chunks.h"
#include "sse.h"

#define TAIL_PAGE_BYTES ((size_t)256 << 10) /* of one look */
#define TAIL_BACKLOG_MAX                                                     \
    ((size_t)256 << 10) /* not yet taken by the peer; a page may come on top \
                         */

struct node;
struct tail;
struct tails;

/* Embedded in the operation that reads; zeroed memory follows nothing. */
struct tail_reader {
    struct http_request *request; /* its answer has begun */
    struct sse_place place;       /* what it has already; attempt -1: nothing */
    /* The last event is written, the job is gone, or the node drains: end the answer. Not called
     * from inside tail_join(). */
    void (*on_end)(struct tail_reader *reader);
    /* private */
    struct tail *tail;
    struct list link;
    uint64_t seen;   /* number of the status it was told last */
    bool is_skipped; /* had no room when there was something for it */
};

struct tails *tails_new(const struct node *node);
void tails_free(struct tails *tails); /* nobody may be reading; accepts NULL */
/* page: what was read for this reader from its place on. True when that was all there will ever be:
 * the last event is written, the reader has not joined. */
bool tail_join(struct tails *tails, struct tail_reader *reader, struct slice ep,
               const struct chunks_page *page);
void tail_leave(struct tail_reader *reader); /* harmless when it has not joined */
/* The reader's backlog has fallen to nothing. */
void tail_has_room(struct tail_reader *reader);

#endif
