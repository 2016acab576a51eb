/* How many workers an endpoint shall have. Pure: numbers in, a number and its reason out.
 *
 * Invariants (see tests/unit/scheduler/test_scale.c):
 *   min <= want <= max, unless the breaker holds; busy and starting workers are kept as far as max
 *   allows; no worker that has been idle for less than the idle timeout goes, and none at all while
 *   jobs wait. */
#ifndef SCHEDULER_SCALE_H
#define SCHEDULER_SCALE_H

#include "breaker.h"
#include "queue/endpoint.h"

struct scale_input {
    enum endpoint_scaler scaler;
    double scaler_value;
    int64_t min, max;
    int64_t queued;               /* jobs waiting, all classes */
    int64_t waiting;              /* of them those that may start a worker (not low priority) */
    int64_t late;                 /* of those the ones that wait longer than scaler_value seconds */
    int64_t running;              /* jobs in progress */
    int64_t starting, idle, busy; /* workers; unhealthy ones are none */
    int64_t unhealthy;
    int64_t expired; /* of the idle ones: idle for at least the idle timeout */
    /* measured, see load.h; 0 is unknown */
    double rate, rate_held, job_s, start_s, slots;
    int64_t peak;
    enum breaker breaker;
};

/* The term that wins. */
enum scale_reason {
    SCALE_KEEP,          /* what is there is enough */
    SCALE_MIN,           /* workersMin */
    SCALE_FIRST_JOB,     /* a job waits and there is no worker */
    SCALE_RATE,          /* what arrives keeps so many busy */
    SCALE_BACKLOG,       /* what waits would take the present ones too long */
    SCALE_LATE,          /* jobs wait longer than scalerValue */
    SCALE_REQUEST_COUNT, /* a worker for each scalerValue jobs */
    SCALE_IDLE,          /* idle workers go */
    SCALE_MAX,           /* more are needed, or present, than workersMax */
    SCALE_CRASH_LOOP,    /* starts die: none, or one try at a time */
    SCALE_UNKNOWN,       /* the state could not be read: nothing changes */
    SCALE_REASON_COUNT
};

struct scale_decision {
    int64_t want;
    enum scale_reason reason;
};

struct scale_decision scale(const struct scale_input *input);
const char *scale_reason_name(enum scale_reason reason);

#endif
