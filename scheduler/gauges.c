/* Only the leader knows the state; a follower says that it follows. So a sum over all schedulers
 * counts each job once. */
#include "gauges.h"

#include "base/metrics.h"

static struct slice id_of(const struct roster_endpoint *endpoint)
{
    return slice_of(endpoint->item.id);
}

/* --- one function for each name: its values for one endpoint --- */

static void put_waiting(struct buf *out, const char *name, const struct roster *roster,
                        const struct roster_endpoint *endpoint)
{
    (void)roster;
    int64_t low = endpoint->counts.queued - endpoint->waiting;
    metrics_put(out, name,
                METRICS_LABELS({"endpoint", id_of(endpoint)}, {"class", SLICE("normal")}),
                (double)endpoint->waiting);
    metrics_put(out, name, METRICS_LABELS({"endpoint", id_of(endpoint)}, {"class", SLICE("low")}),
                (double)low);
}

static double age_s(const struct roster *roster, int64_t submitted_ms)
{
    return submitted_ms > 0 ? (double)(roster->now_ms - submitted_ms) / 1000 : 0;
}

static void put_oldest(struct buf *out, const char *name, const struct roster *roster,
                       const struct roster_endpoint *endpoint)
{
    metrics_put(out, name,
                METRICS_LABELS({"endpoint", id_of(endpoint)}, {"class", SLICE("normal")}),
                age_s(roster, endpoint->oldest_ms));
    metrics_put(out, name, METRICS_LABELS({"endpoint", id_of(endpoint)}, {"class", SLICE("low")}),
                age_s(roster, endpoint->oldest_low_ms));
}

static void put_workers(struct buf *out, const char *name, const struct roster *roster,
                        const struct roster_endpoint *endpoint)
{
    (void)roster;
    static const char *const states[WORKER_STATE_COUNT] = {
        [WORKER_STARTING] = "initializing",
        [WORKER_PULLING] = "pulling",
        [WORKER_IDLE] = "idle",
        [WORKER_BUSY] = "running",
        [WORKER_UNHEALTHY] = "unhealthy",
    };
    for (size_t i = 0; i < WORKER_STATE_COUNT; i++) {
        metrics_put(out, name,
                    METRICS_LABELS({"endpoint", id_of(endpoint)}, {"state", slice_of(states[i])}),
                    (double)endpoint->by_state[i]);
    }
    metrics_put(out, name,
                METRICS_LABELS({"endpoint", id_of(endpoint)}, {"state", SLICE("throttled")}),
                (double)endpoint->throttled);
}

static void put_hooks(struct buf *out, const char *name, const struct roster *roster,
                      const struct roster_endpoint *endpoint)
{
    double age = age_s(roster, endpoint->hook_ms);
    metrics_put(out, name, METRICS_LABELS({"endpoint", id_of(endpoint)}), age > 0 ? age : 0);
}

static void put_losses(struct buf *out, const char *name, const struct roster *roster,
                       const struct roster_endpoint *endpoint)
{
    (void)roster;
    metrics_put(out, name,
                METRICS_LABELS({"endpoint", id_of(endpoint)}, {"cause", SLICE("lease_lapsed")}),
                (double)endpoint->lapsed);
}

static void put_reason(struct buf *out, const char *name, const struct roster *roster,
                       const struct roster_endpoint *endpoint)
{
    (void)roster;
    metrics_put(out, name,
                METRICS_LABELS({"endpoint", id_of(endpoint)},
                               {"reason", slice_of(reason_name(endpoint->reason))}),
                1);
}

/* --- names with one value for each endpoint --- */

static double running_of(const struct roster_endpoint *endpoint)
{
    return (double)endpoint->counts.running;
}

static double wanted_of(const struct roster_endpoint *endpoint)
{
    return (double)endpoint->decision.want;
}

static double arrivals_of(const struct roster_endpoint *endpoint)
{
    return (double)endpoint->counts.arrivals;
}

static double finished_of(const struct roster_endpoint *endpoint)
{
    return (double)endpoint->counts.finished;
}

static double work_of(const struct roster_endpoint *endpoint)
{
    return (double)endpoint->counts.work_ms / 1000;
}

static double rate_of(const struct roster_endpoint *endpoint)
{
    return endpoint->load.rate;
}

static double start_of(const struct roster_endpoint *endpoint)
{
    return endpoint->load.start_s;
}

/* put, or value. */
static const struct {
    const char *name, *type, *help;
    void (*put)(struct buf *out, const char *name, const struct roster *roster,
                const struct roster_endpoint *endpoint);
    double (*value)(const struct roster_endpoint *endpoint);
} families[] = {
    {"millrace_queue_jobs", "gauge", "Jobs that wait.", put_waiting, NULL},
    {"millrace_queue_oldest_seconds", "gauge", "Age of the first job that waits.", put_oldest,
     NULL},
    {"millrace_workers", "gauge", "Handler processes by state.", put_workers, NULL},
    {"millrace_wait_reason", "gauge", "1 for the reason why a job waits or would wait.", put_reason,
     NULL},
    {"millrace_webhook_oldest_seconds", "gauge",
     "For how long the first webhook delivery has been due.", put_hooks, NULL},
    {"millrace_losses_total", "counter",
     "Attempts that ended without a result, by cause; the others are told by the agents.",
     put_losses, NULL},
    {"millrace_running_jobs", "gauge", "Jobs in progress.", NULL, running_of},
    {"millrace_workers_wanted", "gauge", "Handler processes the autoscaler wants.", NULL,
     wanted_of},
    {"millrace_jobs_submitted_total", "counter", "Jobs accepted.", NULL, arrivals_of},
    {"millrace_jobs_finished_total", "counter", "Jobs that workers have ended.", NULL, finished_of},
    {"millrace_jobs_work_seconds_total", "counter", "Time these jobs took in all.", NULL, work_of},
    {"millrace_arrivals_per_second", "gauge", "Jobs a second over the last minute.", NULL, rate_of},
    {"millrace_start_seconds", "gauge", "Measured cold start.", NULL, start_of},
};

static void put_agents(struct buf *out, const struct roster *roster)
{
    int64_t live = 0, gone = 0;
    for (size_t i = 0; i < roster->agents.count; i++) {
        live += roster_agent_at(roster, i)->is_live;
        gone += !roster_agent_at(roster, i)->is_live;
    }
    metrics_head(out, "millrace_agents", "gauge", "Machines by whether they beat.");
    metrics_put(out, "millrace_agents", METRICS_LABELS({"state", SLICE("live")}), (double)live);
    metrics_put(out, "millrace_agents", METRICS_LABELS({"state", SLICE("silent")}), (double)gone);
}

/* --- what more machines would help --- */

static int64_t unplaced_of(const struct roster_endpoint *endpoint)
{
    int64_t missing = endpoint->decision.want - endpoint->placed;
    return endpoint->conf != NULL && missing > 0 ? missing : 0;
}

/* The card type the endpoint would like best: "any" when it names none, "none" without cards. */
static struct slice card_of(const struct roster_endpoint *endpoint)
{
    const struct endpoint *conf = endpoint->conf;
    if (conf->gpu_count == 0) {
        return SLICE("none");
    }
    return conf->gpu_types != NULL && conf->gpu_types[0] != NULL ? slice_of(conf->gpu_types[0])
                                                                 : SLICE("any");
}

static int64_t sum_unplaced(const struct roster *roster, struct slice card, bool is_in_cards)
{
    int64_t sum = 0;
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        const struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        if (endpoint->conf != NULL && slice_eq_nocase(card_of(endpoint), card)) {
            sum += unplaced_of(endpoint) * (is_in_cards ? endpoint->conf->gpu_count : 1);
        }
    }
    return sum;
}

/* Is an earlier endpoint of the same card type? Then its line is there. */
static bool is_repeated(const struct roster *roster, size_t index)
{
    struct slice card = card_of(roster_endpoint_at(roster, index));
    for (size_t i = 0; i < index; i++) {
        const struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        if (endpoint->conf != NULL && slice_eq_nocase(card_of(endpoint), card)) {
            return true;
        }
    }
    return false;
}

/* Values stay while an endpoint asks for the type: a line that comes and goes scales badly. */
static void put_unplaced(struct buf *out, const struct roster *roster, const char *name,
                         const char *help, bool is_in_cards)
{
    metrics_head(out, name, "gauge", help);
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        const struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        if (endpoint->conf != NULL && !is_repeated(roster, i)) {
            struct slice card = card_of(endpoint);
            metrics_put(out, name, METRICS_LABELS({"gpu", card}),
                        (double)sum_unplaced(roster, card, is_in_cards));
        }
    }
}

void gauges_put(struct buf *out, const struct tick *tick, bool is_leading)
{
    const struct roster *roster = &tick->roster;
    metrics_head(out, "millrace_scheduler_leading", "gauge", "1 in the scheduler that leads.");
    metrics_put(out, "millrace_scheduler_leading", METRICS_NO_LABELS, is_leading);
    metrics_head(out, "millrace_scheduler_round_seconds", "histogram",
                 "Time of one round, from reading to writing.");
    metrics_put_histogram(out, "millrace_scheduler_round_seconds", METRICS_NO_LABELS,
                          &tick->rounds);
    if (!is_leading || roster->now_ms == 0) {
        return;
    }
    put_agents(out, roster);
    put_unplaced(out, roster, "millrace_workers_unplaced",
                 "Handler processes wanted that no machine has room for, by the card type wanted.",
                 false);
    put_unplaced(out, roster, "millrace_gpus_unplaced", "Cards these would need.", true);
    for (size_t f = 0; f < COUNT_OF(families); f++) {
        metrics_head(out, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < roster->endpoints.count; i++) {
            const struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
            if (endpoint->conf == NULL) {
                continue;
            }
            if (families[f].put != NULL) {
                families[f].put(out, families[f].name, roster, endpoint);
            } else {
                metrics_put(out, families[f].name, METRICS_LABELS({"endpoint", id_of(endpoint)}),
                            families[f].value(endpoint));
            }
        }
    }
}
