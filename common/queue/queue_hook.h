/* The webhook outbox: deliveries of ended jobs, in Redis until they succeed or are given up.
 *
 * The scripts that end a job put its delivery there in the same step. A delivery is claimed for
 * HOOK_LEASE_MS; the fence of the claim makes that the outcome of an older claim is ignored. */
#ifndef QUEUE_QUEUE_HOOK_H
#define QUEUE_QUEUE_HOOK_H

#include "queue/queue.h"

#define HOOK_CHANNEL "mr:hooks" /* carries the prefix of an endpoint with a new delivery */
#define HOOK_LEASE_MS 20000     /* more than one try can take */

/* Slices are borrowed from the reply. */
struct hook {
    struct slice name; /* job id and attempt: names this end of the job */
    struct slice url;
    int64_t fence;
    int64_t failed; /* tries so far */
    struct job_view job;
};
void queue_hook_take(struct store *store, struct store_call *call, struct slice ep, size_t most,
                     size_t bytes_max, store_fn fn);
/* ret_next_ms: until the next one is due, -1 when the outbox is empty. */
enum err queue_hook_take_result(const struct reply *reply, int64_t *ret_next_ms, size_t *ret_count);
enum err queue_hook_at(const struct reply *reply, size_t index, struct hook *ret_hook);

struct hook_try {
    struct slice name;
    int64_t fence;
    int status;           /* of HTTP, 0 for none */
    struct slice problem; /* empty: delivered */
    int64_t delay_ms;     /* until the next try, when there is one */
    int64_t limit_ms;     /* after the end of the job, in which tries may begin */
};
enum hook_state {
    HOOK_WAITING, /* the job goes on */
    HOOK_QUEUED,
    HOOK_DELIVERED,
    HOOK_GIVEN_UP,
    HOOK_STATE_COUNT
};
const char *hook_state_name(enum hook_state state); /* "DELIVERED" */
void queue_hook_done(struct store *store, struct store_call *call, struct slice ep,
                     const struct hook_try *attempt, store_fn fn);
/* ERR_NOT_FOUND: ignored, somebody else has claimed it since or it was withdrawn. */
enum err queue_hook_done_result(const struct reply *reply, enum hook_state *ret_state);
/* Gives a claim back untried. */
void queue_hook_defer(struct store *store, struct store_call *call, struct slice ep,
                      struct slice name, int64_t fence, int64_t delay_ms, store_fn fn);

/* What the job knows of its delivery. */
struct hook_log {
    enum job_state job;
    bool has_webhook;
    enum hook_state state;
    int64_t tries, status;
    struct slice problem;
    int64_t last_ms, next_ms; /* epoch, 0 for none */
};
enum hook_question { HOOK_READ, HOOK_AGAIN };
/* HOOK_AGAIN delivers the end of an ended job once more; the log tells whether it could. */
void queue_hook_log(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                    enum hook_question question, store_fn fn);
/* ERR_NOT_FOUND when the job is unknown. */
enum err queue_hook_log_result(const struct reply *reply, struct hook_log *ret_log);

#endif
