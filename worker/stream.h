/* The chunks of one job on their way to the store: in order, gathered, none lost. */
#ifndef WORKER_STREAM_H
#define WORKER_STREAM_H

#include "net/http.h"
#include "queue/queue.h"

#define STREAM_DELAY_MS 5
#define STREAM_FLUSH_BYTES 8192
#define STREAM_BUFFER_MAX ((size_t)16 << 20) /* posts of a job wait unanswered above that */

struct held;
struct stream {
    /* private */
    struct held *held;
    struct buf bytes;   /* chunks that are not stored yet, one after the other */
    struct buf lens;    /* their lengths, size_t */
    struct list parked; /* posts that are answered when there is room again */
    struct timer timer;
    struct store_call call;
    uint64_t first_ms; /* when the oldest chunk in the buffer came */
    int64_t next;      /* index of the first chunk in the buffer */
    size_t in_flight;  /* chunks of the append on its way */
};

void stream_init(struct stream *stream, struct held *held);
void stream_done(struct stream *stream); /* answers parked posts, drops what is left */
/* Keeps the chunks of a post and answers it. */
void stream_post(struct stream *stream, struct http_request *request);
/* Appends what the store has not confirmed, as parcel chunks; the index of the first of them. */
int64_t stream_put_unstored(const struct stream *stream, struct buf *out, size_t *ret_count);
/* Keeps the chunks of one post's body, whoever brings it. */
void stream_put(struct stream *stream, struct slice body);
bool stream_has_room(const struct stream *stream); /* else its source should wait */
bool stream_is_empty(const struct stream *stream);
/* Without further delay; ending_flushed() is called when all is stored. */
void stream_flush(struct stream *stream);

#endif
