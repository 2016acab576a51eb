/* A fleet that is not there: arrivals, job times and cold starts in; decisions, waits and cost out.
 *
 * Time is simulated in steps of SIM_STEP_MS; each second, and when a job comes to an endpoint
 * without a worker, the scheduler's own plan_make() decides on a roster filled from the simulated
 * state, and simulated agents follow it as worker/group.c does. Deterministic. */
#ifndef TESTS_LIB_SIM_H
#define TESTS_LIB_SIM_H

#include "plan.h"

#define SIM_STEP_MS 100
#define SIM_BEGIN_MS INT64_C(1000000) /* Redis time of the first step */
#define SIM_WORKER_JOBS_MAX 16

struct sim_job {
    int64_t at_ms, work_ms; /* since the begin */
};

/* What one endpoint is given, and what came of it. */
struct sim_endpoint {
    const char *id;
    struct endpoint conf;       /* the fields of the scaler */
    int64_t start_ms;           /* cold start */
    int64_t slots;              /* jobs a worker takes at once */
    bool dies;                  /* its starts end before their first take */
    const struct sim_job *jobs; /* borrowed, in order of arrival */
    size_t job_count;
    /* results */
    int64_t *waits_ms; /* owned; of the jobs taken so far, in order */
    size_t taken, finished;
    int64_t *starts_ms, *stops_ms; /* owned; since the begin */
    size_t start_count, stop_count;
    int64_t worker_ms; /* processes alive, in all */
    int64_t most;      /* processes at once */
    bool was_above_max, was_stopped_busy;
    /* private */
    size_t arrived, aged; /* jobs that have come, that have waited too long */
    int64_t work_ms, deaths, death_ms;
};

struct sim_agent {
    int64_t slots;
    const char *cards[8]; /* names, NULL-terminated unless full */
};

struct sim;
typedef void (*sim_decision_fn)(const struct roster_endpoint *endpoint, int64_t at_ms, void *arg);

/* Endpoints and agents are borrowed; ids must be in alphabetical order. */
struct sim *sim_new(struct sim_endpoint *endpoints, size_t endpoint_count,
                    const struct sim_agent *agents, size_t agent_count);
void sim_on_decision(struct sim *sim, sim_decision_fn fn,
                     void *arg); /* those that change something */
void sim_run(struct sim *sim, int64_t until_ms);
void sim_free(struct sim *sim); /* the results stay: sim_endpoint_done() */
void sim_endpoint_done(struct sim_endpoint *endpoint);
int64_t sim_workers(const struct sim *sim, size_t endpoint); /* processes now */

/* Deterministic jobs: `rate` in a second from begin to end, evenly or as Poisson arrivals; appended
 * to an array that the caller frees. */
enum sim_arrivals { SIM_EVEN, SIM_POISSON };
struct sim_trace {
    struct sim_job *jobs; /* owned */
    size_t count;
    uint64_t seed; /* of Poisson arrivals */
};
void sim_trace_add(struct sim_trace *trace, enum sim_arrivals arrivals, double rate,
                   int64_t begin_ms, int64_t end_ms, int64_t work_ms);
/* The q-th part of the waits, as 0.95. */
int64_t sim_wait(const struct sim_endpoint *endpoint, double q);

#endif
