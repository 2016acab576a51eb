/* What is measured of an endpoint: arrivals, job time, cold start, jobs a worker takes at once.
 * Pure: readings in, figures out; times are Redis ms.
 *
 * A new leader begins without history: it knows the means of the counters and grows its arrival
 * rate over a minute. Workers that are there are kept meanwhile by their own state. */
#ifndef SCHEDULER_LOAD_H
#define SCHEDULER_LOAD_H

#include <stddef.h>
#include <stdint.h>

#define LOAD_WINDOW_MS 60000
#define LOAD_SAMPLES 64 /* one a second for the window, and some for ticks that come late */

/* One reading of the state; the counters only grow. */
struct load_reading {
    int64_t now_ms;
    int64_t arrivals;          /* jobs submitted that may start a worker */
    int64_t finished, work_ms; /* jobs that workers have finished, and their time in all */
    int64_t jobs;              /* waiting and running */
    int64_t running_ms;        /* mean time the jobs in work have run so far; 0: unknown */
    int64_t start_ms;          /* mean cold start of the workers that are there; 0: unknown */
    int64_t start_floor_ms;    /* longest a start under way has taken so far */
    double slots;              /* mean of what those workers take at once; 0: unknown */
};

struct load {
    double rate;    /* arrivals in a second */
    double job_s;   /* 0: unknown */
    double start_s; /* 0: unknown */
    double slots;   /* at least 1 */
    int64_t peak;   /* most jobs that were there at once within the window */
    /* private */
    struct load_sample {
        int64_t at_ms, arrivals, finished, work_ms, peak;
    } samples[LOAD_SAMPLES];
    size_t count, newest;
    double job_known_s, start_known_s;
};

/* Zeroed memory is a load of which nothing is known. start_ms: as kept by an earlier leader. */
void load_remember(struct load *load, int64_t start_ms);
void load_read(struct load *load, const struct load_reading *reading);

#endif
