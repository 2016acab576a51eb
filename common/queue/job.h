/* The job as clients see it: its states, and the object that /status answers. Pure. */
#ifndef QUEUE_JOB_H
#define QUEUE_JOB_H

#include "base/buf.h"

enum job_state {
    JOB_IN_QUEUE,
    JOB_IN_PROGRESS,
    JOB_COMPLETED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_TIMED_OUT,
    JOB_STATE_COUNT
};

const char *job_state_name(enum job_state state); /* "IN_QUEUE" */
bool job_state_is_final(enum job_state state);
/* The letter kept in Redis: Q P C F X T. */
enum err job_state_from_letter(struct slice letter, enum job_state *ret_state);
enum err job_state_from_name(struct slice name, enum job_state *ret_state);

/* Slices are borrowed from where the view was read. */
struct job_view {
    struct slice id;
    enum job_state state;
    int64_t attempt;  /* 0 before the first take */
    bool has_run;     /* was handed to a worker at least once */
    int64_t delay_ms; /* submission to pick-up of the latest attempt (to the end when never run) */
    int64_t execution_ms; /* pick-up to end of the latest attempt, final states only */
    int64_t retries;
    bool is_orphan;      /* its record was lost; this one is what its agent knew */
    bool has_freed;      /* stopped while it ran, and its worker has let go */
    int64_t freed_ms;    /* from the stop until then */
    int64_t position;    /* of a waiting one: how many of its class came before it and may wait */
    struct slice reason; /* why it waits, "NO_CAPACITY"; empty: not known */
    struct slice detail; /* what a handler that cannot start said last; may be empty */
    struct slice worker;
    struct slice token;   /* secret of the job, known to its agent and to nodes that read it */
    struct slice members; /* text of the "output" and "error" members, or empty */
};

/* Appends {"id":...,"status":...,...} with the keys that each state shows. */
void job_put_object(struct buf *out, const struct job_view *job);

#endif
