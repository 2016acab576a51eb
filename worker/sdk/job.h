/* One job in this process, from the agent's answer to the posted result. The handler's thread owns
 * it; only `is_cancelled` is touched from outside, under the roster's lock. */
#ifndef SDK_JOB_H
#define SDK_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/list.h"
#include "millrace.h"

struct host;
struct line;

struct job {
    struct millrace_job face; /* what the handler sees; points into bytes */
    char *bytes;              /* owned: the job object as it came */
    char *id;                 /* owned, terminated */
    struct host *host;        /* borrowed */
    struct line *line;        /* borrowed from the thread that runs it; NULL while it waits */
    struct list held;         /* member of the roster */
    struct list queued;       /* member of the crew's queue */
    atomic_bool is_cancelled;
    pthread_mutex_t lock; /* guards what follows and the line */
    struct buf output;    /* {"output":X without the closing brace; empty: none set */
    char *error;          /* owned: why the job failed; NULL: it did not. The first reason wins */
    unsigned chunk_count;
    bool is_retiring;
};

/* Takes a copy of one job object of the agent. ERR_BAD_JSON when it is none, ERR_BAD_REQUEST when
 * it has no usable `id` or no `input`. */
enum err job_parse(struct slice object, struct host *host, struct job **ret_job);
void job_free(struct job *job);
AUTO_DEFINE(job_free, struct job *)

/* Text is copied; a no-op when the job has failed before. Needs the lock. */
void job_set_error(struct job *job, struct slice text);

#endif
