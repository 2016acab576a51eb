/* One request on its way through an operation.
 *
 * Born when the head is complete, admitted (key, endpoint), started when the body is there, gone
 * with its answer or its client. Operations never free it: they end by op_reply*(). */
#ifndef API_OP_H
#define API_OP_H

#include "auth.h"
#include "base/id.h"
#include "catalog.h"
#include "limit.h"
#include "net/http.h"
#include "node.h"
#include "queue/queue.h"
#include "tail.h"
#include "watch.h"

struct glance;
struct lb;
struct route;

struct op {
    struct http_request *request;
    struct node *node;
    const struct route *route;
    char ep[64];                    /* endpoint id of the path, or empty */
    char id[ID_MAX + 1];            /* job id of the path or of the new job, or empty */
    void (*on_gone)(struct op *op); /* the client has left; the operation is freed afterwards */
    struct access access;
    struct catalog_entry *entry; /* the endpoint; NULL for paths without one */
    struct flight flight;        /* counted while in flight */
    char key_tag[AUTH_TAG_SIZE]; /* names the key in counters */
    struct store_call call;
    struct waiter waiter;
    struct timer timer; /* end of a wait */
    struct turn turn;   /* of a large body */
    size_t body_weight; /* of its body, as node.bodies counts it */
    uint64_t began_us;
    int status; /* of the answer; 0 until there is one */
    /* of single operations */
    struct glance *glance; /* status: owned; NULL before and for the script */
    bool is_sync;          /* submit: /runsync */
    bool is_object;        /* stream: the answer's shape */
    bool has_waited;       /* await, stream: the time to wait is over */
    bool must_look;        /* stream: told while a reading was on its way */
    int64_t removed;       /* purge: so far */
    struct buf document;   /* endpoints: what is being stored */
    int64_t version;       /* endpoints: of what has been stored */
    unsigned tries;        /* endpoints: updates begun again */
    bool is_missing;       /* endpoints: deleted before */
    struct op **list;      /* endpoints list: cleared when this operation ends first */
    struct {
        int64_t attempt, next; /* of the next chunk */
        bool is_stream;        /* asked for as one */
        bool is_stored;        /* Redis has answered the submit */
        bool has_begun;        /* the answer's head has left */
        bool has_pieces;       /* and chunks */
        bool is_wrapped;       /* as events made here */
    } openai;
    struct lb *lb; /* lb: owned by it */
    struct {
        char *worker, *job; /* owned; NULL: of all */
        char last[48];      /* id of the last line read */
        int64_t tail;
        unsigned quiet_looks; /* without a line to write */
        bool is_following, is_sse;
        bool is_after; /* begins behind `last` */
    } logs;
    /* events */
    struct tail_reader reader;
};

void op_begin(struct http_request *request, struct node *node);
/* Counts a body of that many bytes, before they are read or as they come; false: there is no room,
 * and the operation has ended with 503. */
bool op_body_fits(struct op *op, size_t bytes);
/* The memory of the body is free: others may come. The end of the operation says it too. */
void op_body_over(struct op *op);
/* Ends the operation. */
void op_reply_json(struct op *op, int status, struct slice body);
void op_reply_error(struct op *op, enum err err, const char *detail); /* detail NULL: err's text */
void op_reply_store_error(struct op *op, enum err err);               /* says why Redis refused */
/* 429 when the reply of a transition says that the rate limit is exceeded; then the operation has
 * ended and true is returned. */
bool op_is_limited(struct op *op, enum err err, const struct reply *reply);
void op_reply_job(struct op *op, const struct job_view *job);
/* True when err says that the job is unknown or that Redis failed; then the operation has ended. */
bool op_has_failed(struct op *op, enum err err);
/* The reply of queue_submit(): true and its outcome, or the operation has ended with the reason. */
bool op_read_outcome(struct op *op, enum err err, const struct reply *reply,
                     enum submit_outcome *ret_outcome, struct slice *ret_first_id);
/* The reply of queue_read(): true and the job, or the operation has ended with the reason. */
bool op_read_job(struct op *op, enum err err, const struct reply *reply, struct job_view *ret_job);
void op_reply(struct op *op, const struct http_answer *answer);
void op_release(struct op *op);    /* the answer has been given otherwise */
void op_end_stream(struct op *op); /* of an answer begun by http_stream_begin() */

/* What the operation's first transition shall count. */
struct rate op_rate(const struct op *op);

static inline struct slice op_ep(const struct op *op)
{
    return slice_of(op->ep);
}
static inline struct slice op_id(const struct op *op)
{
    return slice_of(op->id);
}
/* The query parameter `wait` in ms, clamped to 1000..max; otherwise when absent or no number. */
uint64_t op_wait_ms(const struct op *op, uint64_t otherwise, uint64_t max);
bool op_has_query(const struct op *op, const char *name);

#endif
