/* The transitions of jobs, one C function for each Lua script: arguments in, decoded results out.
 * Common to all: `ep` is the endpoint id; arguments are copied before the call returns; the
 * callback gets a reply that the matching *_result() decodes (ERR_STORE_REPLY when Redis holds
 * something unexpected). Watchers are bus addresses ("127.0.0.1:4711") separated by blanks: whoever
 * changed the job publishes to each of them, see bus.h. */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "queue/job.h"
#include "queue/store.h"

#define LEASE_MS 15000 /* a job whose agent is silent for so long is lost */
#define LEASE_RENEW_MS 5000
#define AGENT_LOST_MS 15000 /* a beat older than that: the agent is gone */
#define TAKE_MAX 128        /* jobs in one take */
#define APPEND_MAX 500      /* chunks in one append */
#define TOKEN_SIZE 17       /* 16 hexadecimal digits and a terminator */

/* A job whose state a transition has changed: what its watchers must be told. */
struct job_change {
    struct slice id, watchers, token;
    enum job_state state;
};

/* ---- client side ---- */

/* A rate limit that the transition counts against, in windows of 10 s; an empty bucket: none. */
struct rate {
    struct slice bucket; /* "run:0123456789abcdef": group of operations and key */
    int64_t limit;
};
#define RATE_NONE (&(struct rate){{NULL, 0}, 0})
/* For the replies of submit, read, stream, cancel, purge and recent: ms until the limit is lifted,
 * 0 when it was not exceeded. Their *_result() answers ERR_LIMITED in that case. */
int64_t queue_limited_ms(const struct reply *reply);

struct submit_args {
    struct slice id;
    struct slice members; /* `"input":...` and what else the worker shall see, comma separated */
    bool is_low_priority;
    int64_t execution_ms, ttl_ms, retention_ms;
    int64_t waiting_max; /* queue rule: refused when more than that many wait already */
    struct slice token;
    struct slice watcher; /* may be empty */
    struct rate rate;
    struct slice idempotency; /* name unique to key and client, may be empty */
    struct slice body_digest; /* of fixed length, with it */
    struct slice webhook;     /* URL to be told of the end, may be empty */
    bool waits_for_replica;   /* may end with ERR_STORE_UNACKED: stored, as the reply says */
};
enum submit_outcome {
    SUBMIT_REFUSED = 0,
    SUBMIT_STORED = 1,
    SUBMIT_STORED_BEFORE = 2, /* by an earlier try of this call */
    SUBMIT_OTHER_BODY = 3,    /* the idempotency key was used with another body */
    SUBMIT_GONE = 4,          /* the endpoint was deleted */
    SUBMIT_REPLAYED = 5,      /* same key, same body: ret_first_id is the job */
};
void queue_submit(struct store *store, struct store_call *call, struct slice ep,
                  const struct submit_args *args, store_fn fn);
enum err queue_submit_result(const struct reply *reply, enum submit_outcome *ret_outcome,
                             struct slice *ret_first_id);

void queue_read(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                struct slice watcher, const struct rate *rate, store_fn fn);
/* ERR_NOT_FOUND when the job is unknown. id is put into the view as it is. */
enum err queue_read_result(const struct reply *reply, struct slice id, struct job_view *ret_job);
/* What the fields s t0 t1 t2 w r fr o of a record say, in that order: all but attempt and token. */
enum err queue_record_result(const struct reply *reply, struct slice id, struct job_view *ret_job);

struct stream_request {
    size_t bytes_max;
    struct slice watcher;
    struct rate rate;
};
struct stream_page {
    enum job_state state;
    int64_t attempt;
    struct slice token;
    bool has_more;
    const struct reply *reply; /* chunk i is stream_page_chunk(page, i) */
    size_t chunk_count;
};
void queue_stream(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                  const struct stream_request *request, store_fn fn);
enum err queue_stream_result(const struct reply *reply, struct stream_page *ret_page);
struct slice stream_page_chunk(const struct stream_page *page, size_t index);

struct cancel_result {
    struct job_view job;   /* state after the call */
    struct slice watchers; /* empty when nothing changed */
};
void queue_cancel(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                  const struct rate *rate, store_fn fn);
/* The same of a job whose submit waits for a replica, and may not have been sent yet: behind it on
 * its connection. May end with ERR_STORE_UNACKED: cancelled, as the reply says. */
void queue_cancel_durable(struct store *store, struct store_call *call, struct slice ep,
                          struct slice id, store_fn fn);
enum err queue_cancel_result(const struct reply *reply, struct slice id,
                             struct cancel_result *ret_result);

/* ---- worker side ---- */
struct taken_job {
    struct slice id, worker, token, members, watchers;
    int64_t attempt, execution_ms;
};
void queue_take(struct store *store, struct store_call *call, struct slice ep, struct slice agent,
                const struct slice *workers, size_t count, store_fn fn);
enum err queue_take_result(const struct reply *reply, int64_t *ret_waiting, size_t *ret_count);
enum err queue_take_job(const struct reply *reply, size_t index, struct taken_job *ret_job);

/* What a worker's transitions name: one attempt of a job, and who was given it. A store that lost
 * writes may give the same attempt again, to another worker. */
struct held_job {
    struct slice id;
    int64_t attempt;
    struct slice worker;
};

struct finish_args {
    struct held_job job;
    bool is_failed;
    struct slice members; /* `"output":...` and/or `"error":"..."`, comma separated; may be empty */
    bool waits_for_replica; /* may end with ERR_STORE_UNACKED: to be tried again */
};
struct finish_result {
    bool is_applied;
    bool knows_less; /* the store has lost what it said about the job: queue_adopt(), then again */
    struct slice watchers;
    struct job_view job; /* without members; ready for job_put_object() once they are set */
};
void queue_finish(struct store *store, struct store_call *call, struct slice ep,
                  const struct finish_args *args, store_fn fn);
enum err queue_finish_result(const struct reply *reply, const struct finish_args *args,
                             struct finish_result *ret_result);

/* members: `"output":...`. The reply is nil when ignored, else the watchers. */
void queue_progress(struct store *store, struct store_call *call, struct slice ep,
                    const struct held_job *job, struct slice members, store_fn fn);

struct append_args {
    struct held_job job;
    int64_t first;  /* index of chunks[0] in the attempt's stream */
    bool must_fill; /* chunks before it that the store has lost cannot be sent again: mark them */
    const struct slice *chunks;
    size_t count; /* 1..APPEND_MAX */
};
void queue_append(struct store *store, struct store_call *call, struct slice ep,
                  const struct append_args *args, store_fn fn);
/* ret_stored: chunks stored so far; less than first: the store has lost some and took none of
 * these. APPEND_IGNORED: the attempt no longer holds the job. APPEND_KNOWS_LESS: the store has lost
 * what it said about the job: queue_adopt(), then again. */
#define APPEND_IGNORED (-1)
#define APPEND_KNOWS_LESS (-2)
enum err queue_append_result(const struct reply *reply, int64_t *ret_stored,
                             struct slice *ret_watchers, struct slice *ret_token);

/* The reply is an array of integers, 1 held, 0 to be stopped, 2 to be adopted, in order. */
void queue_renew(struct store *store, struct store_call *call, struct slice ep, struct slice agent,
                 const struct held_job *jobs, size_t count, store_fn fn);
struct adoption {
    struct held_job job;
    struct slice token;
    int64_t age_ms; /* since it was taken */
    int64_t execution_ms, retention_ms;
};
#define ORPHAN_RETENTION_MS 1800000 /* where the endpoint's own is not known */
/* The reply is an array of integers, 1 adopted, 0 to be stopped, in order. */
void queue_adopt(struct store *store, struct store_call *call, struct slice ep, struct slice agent,
                 const struct adoption *jobs, size_t count, store_fn fn);
/* error_members: `"error":"..."` for the case that no try is left. Reply: reply_at(reply, 0) as
 * queue_change_at() without id; use queue_lost_result(). */
void queue_lost(struct store *store, struct store_call *call, struct slice ep, int64_t retries_max,
                const struct held_job *job, struct slice error_members, store_fn fn);
/* ERR_NOT_FOUND when ignored (the attempt no longer held the job). */
enum err queue_lost_result(const struct reply *reply, struct slice id,
                           struct job_change *ret_change);
/* The handler of a stopped job has let go of it. The reply: ms since the stop, -1 when ignored. */
void queue_freed(struct store *store, struct store_call *call, struct slice ep,
                 const struct held_job *job, store_fn fn);
enum reclaim_cause { RECLAIM_RECONNECTED, RECLAIM_RESTARTED };
void queue_reclaim(struct store *store, struct store_call *call, struct slice ep,
                   struct slice agent, int64_t retries_max, enum reclaim_cause cause,
                   const struct slice *held, size_t count, store_fn fn);
/* Reply: changes, see queue_change_count() with skip 0. */

struct log_line {
    struct slice worker, job, text; /* job may be empty */
};
#define LOG_BYTES_MAX (1 << 20) /* kept for an endpoint */
#define LOG_LINES_MAX 5000
void queue_log(struct store *store, struct store_call *call, struct slice ep,
               const struct log_line *lines, size_t count, store_fn fn);

struct worker_report {
    struct slice worker;
    struct slice state; /* "pulling", "initializing", "idle", "running", "unhealthy"; empty: gone */
    int64_t held;
    int64_t age_ms;   /* since the state began; of a running one: since it took its oldest job */
    int64_t version;  /* of the newest document that it is the handler of */
    int64_t slots;    /* jobs it takes at once, 0: not known */
    int64_t start_ms; /* from the start of its process to its first poll, 0: none yet */
    int64_t ready_age_ms; /* since its first poll, -1: none yet */
};
void queue_report(struct store *store, struct store_call *call, struct slice ep, struct slice agent,
                  const struct worker_report *reports, size_t count, store_fn fn);
/* A start has died before its first take; said: how and with which last words. Reply: how many of
 * this release in a row; 0: this one does not count. */
struct crash_args {
    struct slice agent;
    int64_t release;
    struct slice said;
    bool is_from_outside; /* somebody else ended it */
};
void queue_crashed(struct store *store, struct store_call *call, struct slice ep,
                   const struct crash_args *args, store_fn fn);
/* A process of this release has taken its first job. */
void queue_proven(struct store *store, struct store_call *call, struct slice ep, int64_t release,
                  store_fn fn);
/* Reply: what that release runs everywhere, empty when nobody has said yet, nil when the document
 * has another version. */
struct pin_args {
    int64_t version, release; /* of the document that this agent has */
    struct slice image;       /* what it would run, empty to ask */
};
void queue_pin(struct store *store, struct store_call *call, struct slice ep,
               const struct pin_args *args, store_fn fn);
/* description: JSON; answered_ms: what the last beat's answer said, 0: none.
 * Reply: {now ms, ms of writes lost, epoch, endpoint id, wanted ...}. */
#define BEAT_WISHES 3 /* index of the first endpoint */
void queue_beat(struct store *store, struct store_call *call, struct slice agent,
                struct slice description, int64_t answered_ms, store_fn fn);

/* ---- scheduler side ---- */
#define REDIS_AWAY_MS 5000     /* no scheduler asked for so long: Redis was away */
#define LEASE_HOLD_MS LEASE_MS /* no lease lapses for so long after that */
/* When the leader may sweep leases, in Redis time. */
struct lease_term {
    int64_t from_ms;  /* those that lapse before have until then */
    int64_t until_ms; /* end of the leader's lock */
};
struct sweep_args {
    int64_t most, retries_max;
    struct lease_term term;
};
void queue_sweep(struct store *store, struct store_call *call, struct slice ep,
                 const struct sweep_args *args, store_fn fn);
/* Reply: {handled, changes...}: changes with skip 1. */
size_t queue_change_count(const struct reply *reply, size_t skip);
enum err queue_change_at(const struct reply *reply, size_t skip, size_t index,
                         struct job_change *ret_change);
/* epoch: the largest the caller knows of. */
void queue_lead(struct store *store, struct store_call *call, struct slice scheduler,
                int64_t lock_ms, int64_t epoch, store_fn fn);
/* ret_epoch: 0 while another one leads. */
enum err queue_lead_result(const struct reply *reply, int64_t *ret_epoch,
                           struct lease_term *ret_term);
/* pairs: endpoint id, wanted, ... Reply: 1, or 0 when a younger leader exists. */
void queue_assign(struct store *store, struct store_call *call, int64_t epoch, struct slice agent,
                  const struct slice *pairs, size_t count, store_fn fn);
struct retry_result {
    bool is_queued;
    enum job_state state; /* after the call */
};
/* ERR_NOT_FOUND when unknown or expired. */
void queue_retry(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                 store_fn fn);
enum err queue_retry_result(const struct reply *reply, struct retry_result *ret_result);

/* One page of at most `most` ids; before_seq: last_seq of the page before, -1 for the first. */
struct purge_page {
    int64_t removed, last_seq;
    bool has_more;
    size_t watched_count; /* removed jobs that somebody watches: queue_purge_watched() */
};
void queue_purge(struct store *store, struct store_call *call, struct slice ep, int64_t most,
                 int64_t before_seq, const struct rate *rate, store_fn fn);
enum err queue_purge_result(const struct reply *reply, struct purge_page *ret_page);
/* The state in ret_change is JOB_CANCELLED. */
void queue_purge_watched(const struct reply *reply, size_t index, struct job_change *ret_change);

/* The latest jobs, newest first, without members. */
void queue_recent(struct store *store, struct store_call *call, struct slice ep,
                  const struct rate *rate, store_fn fn);
/* ERR_NOT_FOUND beyond the last. ret_submitted_ms: epoch. */
enum err queue_recent_at(const struct reply *reply, size_t index, struct job_view *ret_job,
                         int64_t *ret_submitted_ms);

/* Shortens the life of a record. The reply is 1, or 0 when the job is unknown. */
void queue_expire(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                  int64_t ttl_ms, store_fn fn);

/* An API node lives. Reply: number of living nodes. */
void queue_attend(struct store *store, struct store_call *call, struct slice node,
                  int64_t silence_ms, store_fn fn);

/* Requests to a load-balancing endpoint that a node has in hand, believed for believe_ms; node
 * empty: only asks. Reply: {waiting, running} of all nodes. */
void queue_balance(struct store *store, struct store_call *call, struct slice ep, struct slice node,
                   int64_t waiting, int64_t running, int64_t believe_ms, store_fn fn);

struct health {
    int64_t in_queue, in_progress, completed, failed, retried;
    int64_t idle, initializing, running, throttled, unhealthy;
    struct slice reason; /* why a job waits, or would wait; empty: not known */
    struct slice detail; /* what a handler that cannot start has said; empty: it can */
};
void queue_health(struct store *store, struct store_call *call, struct slice ep, store_fn fn);
enum err queue_health_result(const struct reply *reply, struct health *ret_health);

#endif
