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

#define LOAD_HOLD_STARTS 4 /* cold starts for which the largest rate counts */
#define LOAD_HOLD_MAX_MS 300000
#define LOAD_PEAK_MS 5000 /* the largest rate of each such part is kept */
#define LOAD_PEAKS (LOAD_HOLD_MAX_MS / LOAD_PEAK_MS + 1)

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
    double rate;      /* arrivals in a second */
    double rate_held; /* the largest within the last cold starts */
    double job_s;     /* 0: unknown */
    double start_s;   /* 0: unknown */
    double slots;     /* at least 1 */
    int64_t peak;     /* most jobs that were there at once within the window */
    /* private */
    struct load_sample {
        int64_t at_ms, arrivals, finished, work_ms, peak;
    } samples[LOAD_SAMPLES];
    size_t count, newest;
    struct load_peak {
        int64_t at_ms;
        double rate;
    } peaks[LOAD_PEAKS];
    size_t peak_count, peak_newest;
    double job_known_s, start_known_s;
    int64_t spare_ms, spare_now, spare_before; /* begin of a part; least idle in it and before */
};

/* Zeroed memory is a load of which nothing is known. start_ms: as kept by an earlier leader. */
void load_remember(struct load *load, int64_t start_ms);
void load_read(struct load *load, const struct load_reading *reading);
/* How many workers too many there have been all the time for at least `window_ms`: jobs that are
 * dealt out in turns leave none of them idle for long. idle: how many are now. */
int64_t load_spare(struct load *load, int64_t now_ms, int64_t window_ms, int64_t idle);

#endif
