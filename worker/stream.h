/* The chunks of one job on their way to the store: in order, gathered, none lost. */
#ifndef WORKER_STREAM_H
#define WORKER_STREAM_H

#include "net/http.h"
#include "pulse.h"
#include "queue/queue.h"

#define STREAM_FLUSH_BYTES 8192
#define STREAM_BUFFER_MAX ((size_t)16 << 20) /* posts of a job wait unanswered above that */
#define STREAM_KEEP_BYTES ((size_t)64 << 10) /* stored chunks that can be sent again */

struct held;
struct stream {
    /* private */
    struct held *held;
    struct buf bytes;   /* the latest stored chunks, then those that are not, one after the other */
    struct buf lens;    /* their lengths, size_t */
    struct list parked; /* posts that are answered when there is room again */
    struct pulse_member member; /* waits for the next beat */
    struct timer timer;         /* waits to try again */
    struct store_call call;
    uint64_t first_ms; /* when the oldest chunk in the buffer came */
    size_t kept;       /* how many of them are stored */
    size_t kept_bytes; /* and their bytes */
    int64_t next;      /* index of the first that is not stored */
    size_t in_flight;  /* chunks of the append on its way */
    bool must_fill;    /* the store has lost chunks that are not here any more */
};

void stream_init(struct stream *stream, struct held *held);
void stream_done(struct stream *stream); /* answers parked posts, drops what is left */
/* Keeps the chunks of a post and answers it. */
void stream_post(struct stream *stream, struct http_request *request);
/* Appends all that is here, stored or not, as parcel chunks; the index of the first of them. */
int64_t stream_put_rest(const struct stream *stream, struct buf *out, size_t *ret_count);
/* Keeps the chunks of one post's body, whoever brings it. */
void stream_put(struct stream *stream, struct slice body);
bool stream_has_room(const struct stream *stream); /* else its source should wait */
bool stream_is_empty(const struct stream *stream); /* all is stored */
/* Without further delay; ending_flushed() is called when all is stored. */
void stream_flush(struct stream *stream);

#endif
