/* What this agent has done, for each endpoint it has served: attempts, losses by cause, histograms,
 * and the seconds its processes and cards were busy, idle or starting. */
#ifndef WORKER_METER_H
#define WORKER_METER_H

#include "base/list.h"
#include "base/metrics.h"
#include "net/loop.h"

struct agent;
struct group;
struct slot;

enum meter_count {
    METER_ATTEMPTS,
    METER_COMPLETED,
    METER_FAILED,
    METER_LOST_DIED,      /* its process ended by itself */
    METER_LOST_OOM,       /* killed for want of memory */
    METER_LOST_STOPPED,   /* ended by the agent */
    METER_LOST_NO_RESULT, /* it lives, the result never came */
    METER_LOST_DROPPED,   /* it lives and never knew of the job */
    METER_LOST_RESTARTED, /* held by an earlier agent of this name */
    METER_CRASHES,        /* starts that died */
    METER_COUNTS
};
enum meter_time {
    METER_DELAY,     /* from submission to pick-up */
    METER_EXECUTION, /* from pick-up to the end */
    METER_START,     /* from the start of a process to its first poll */
    METER_FREE,      /* from the stop of a job until its handler has let go */
    METER_STREAM,    /* from a chunk in the buffer to its place in the store */
    METER_TIMES
};
enum meter_state { METER_STARTING, METER_IDLE, METER_BUSY, METER_STATES };

struct meter {
    /* private */
    struct agent *agent;
    struct list rows;
    struct timer timer;
    uint64_t seen_ms;
};

void meter_init(struct meter *meter, struct agent *agent);
void meter_done(struct meter *meter);
void meter_count(struct group *group, enum meter_count count);
void meter_count_of(struct meter *meter, const char *ep, enum meter_count count);
void meter_time(struct group *group, enum meter_time time, uint64_t ms);
void meter_put(struct meter *meter, struct buf *out);

#endif
