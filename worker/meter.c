/* Rows outlive their groups: a counter that falls back to 0 because an endpoint went idle would
 * look like a restart. Seconds by state are sampled once a second, which is exact to that second
 * for each change and costs nothing on the way of a job. */
#include "meter.h"

#include <stdio.h>

#include "group.h"
#include "slot.h"

#define SAMPLE_MS 1000

struct row {
    struct list link; /* meter.rows */
    char ep[64];
    uint64_t counts[METER_COUNTS];
    struct histogram times[METER_TIMES];
    double worker_s[METER_STATES], gpu_s[METER_STATES];
};

static struct row *row_of(struct meter *meter, const char *ep)
{
    list_each (at, &meter->rows) {
        struct row *row = container_of(at, struct row, link);
        if (strcmp(row->ep, ep) == 0) {
            return row;
        }
    }
    struct row *row = xcalloc(1, sizeof(*row));
    (void)snprintf(row->ep, sizeof(row->ep), "%s", ep);
    list_push(&meter->rows, &row->link);
    return row;
}

void meter_count_of(struct meter *meter, const char *ep, enum meter_count count)
{
    row_of(meter, ep)->counts[count]++;
}

void meter_count(struct group *group, enum meter_count count)
{
    meter_count_of(&group->agent->meter, group->ep, count);
}

void meter_time(struct group *group, enum meter_time time, uint64_t ms)
{
    histogram_observe(&row_of(&group->agent->meter, group->ep)->times[time], (double)ms / 1000);
}

/* ---- seconds by state ---- */

static enum meter_state state_of(const struct slot *slot)
{
    if (slot->polled_ms == 0) {
        return METER_STARTING;
    }
    return slot_job_count(slot) > 0 ? METER_BUSY : METER_IDLE;
}

static void sample(struct meter *meter)
{
    uint64_t now_ms = loop_now_ms(meter->agent->loop);
    double seconds = (double)(now_ms - meter->seen_ms) / 1000;
    meter->seen_ms = now_ms;
    list_each (group_at, &meter->agent->groups) {
        struct group *group = container_of(group_at, struct group, link);
        list_each (at, &group->slots) {
            const struct slot *slot = container_of(at, struct slot, link);
            if (slot->process != NULL) {
                struct row *row = row_of(meter, group->ep);
                row->worker_s[state_of(slot)] += seconds;
                row->gpu_s[state_of(slot)] += seconds * (double)slot->card_count;
            }
        }
    }
}

static void sample_due(struct timer *timer)
{
    struct meter *meter = container_of(timer, struct meter, timer);
    timer_start(meter->agent->loop, timer, SAMPLE_MS, sample_due);
    sample(meter);
}

void meter_init(struct meter *meter, struct agent *agent)
{
    meter->agent = agent;
    meter->seen_ms = loop_now_ms(agent->loop);
    list_init(&meter->rows);
    timer_start(agent->loop, &meter->timer, SAMPLE_MS, sample_due);
}

void meter_done(struct meter *meter)
{
    timer_stop(&meter->timer);
    struct list *link;
    while ((link = list_pop(&meter->rows)) != NULL) {
        free(container_of(link, struct row, link));
    }
}

/* ---- text ---- */

static void put_counts(struct buf *out, const struct list *rows)
{
    static const struct {
        const char *name, *help;
        const char *label, *values[METER_COUNTS]; /* NULL: not of this name */
    } families[] = {
        {"millrace_attempts_total", "Jobs taken.", "state", {[METER_ATTEMPTS] = "taken"}},
        {"millrace_results_total",
         "Results of handlers.",
         "status",
         {[METER_COMPLETED] = "COMPLETED", [METER_FAILED] = "FAILED"}},
        {"millrace_losses_total",
         "Attempts that ended without a result, by cause.",
         "cause",
         {[METER_LOST_DIED] = "died",
          [METER_LOST_OOM] = "out_of_memory",
          [METER_LOST_STOPPED] = "stopped",
          [METER_LOST_NO_RESULT] = "no_result",
          [METER_LOST_DROPPED] = "dropped",
          [METER_LOST_RESTARTED] = "agent_restarted"}},
        {"millrace_start_failures_total",
         "Starts that died before their first poll.",
         "cause",
         {[METER_CRASHES] = "died"}},
    };
    for (size_t f = 0; f < COUNT_OF(families); f++) {
        metrics_head(out, families[f].name, "counter", families[f].help);
        list_each (at, rows) {
            const struct row *row = container_of(at, struct row, link);
            for (size_t i = 0; i < METER_COUNTS; i++) {
                if (families[f].values[i] != NULL) {
                    metrics_put(
                        out, families[f].name,
                        METRICS_LABELS({"endpoint", slice_of(row->ep)},
                                       {families[f].label, slice_of(families[f].values[i])}),
                        (double)row->counts[i]);
                }
            }
        }
    }
}

static void put_times(struct buf *out, const struct list *rows)
{
    static const struct {
        const char *name, *help;
    } families[METER_TIMES] = {
        [METER_DELAY] = {"millrace_job_delay_seconds", "From submission to pick-up."},
        [METER_EXECUTION] = {"millrace_job_execution_seconds", "From pick-up to the end."},
        [METER_START] = {"millrace_worker_start_seconds",
                         "Cold start: from the start of a process to its first poll."},
        [METER_FREE] = {"millrace_cancel_to_free_seconds",
                        "From the stop of a job until its handler has let go."},
        [METER_STREAM] = {"millrace_stream_ack_seconds",
                          "From a chunk's arrival to its place in the store."},
    };
    for (size_t f = 0; f < METER_TIMES; f++) {
        metrics_head(out, families[f].name, "histogram", families[f].help);
        list_each (at, rows) {
            const struct row *row = container_of(at, struct row, link);
            metrics_put_histogram(out, families[f].name,
                                  METRICS_LABELS({"endpoint", slice_of(row->ep)}), &row->times[f]);
        }
    }
}

static void put_seconds(struct buf *out, const struct list *rows, const char *name,
                        const char *help, size_t offset)
{
    static const char *const states[METER_STATES] = {"starting", "idle", "busy"};
    metrics_head(out, name, "counter", help);
    list_each (at, rows) {
        const struct row *row = container_of(at, struct row, link);
        const double *seconds = (const double *)(const void *)((const char *)row + offset);
        for (size_t i = 0; i < METER_STATES; i++) {
            metrics_put(
                out, name,
                METRICS_LABELS({"endpoint", slice_of(row->ep)}, {"state", slice_of(states[i])}),
                seconds[i]);
        }
    }
}

void meter_put(struct meter *meter, struct buf *out)
{
    const struct agent *agent = meter->agent;
    sample(meter);
    put_counts(out, &meter->rows);
    put_times(out, &meter->rows);
    put_seconds(out, &meter->rows, "millrace_worker_seconds_total",
                "Time of handler processes by state.", offsetof(struct row, worker_s));
    put_seconds(out, &meter->rows, "millrace_gpu_seconds_total",
                "Time of graphics cards given to handlers, by state.", offsetof(struct row, gpu_s));
    metrics_head(out, "millrace_slots", "gauge", "Handler processes this machine may run.");
    metrics_put(out, "millrace_slots", METRICS_NO_LABELS, (double)agent->config.slots);
    metrics_head(out, "millrace_slots_used", "gauge", "Slots that are taken.");
    metrics_put(out, "millrace_slots_used", METRICS_NO_LABELS, (double)agent_slot_count(agent));
    metrics_head(out, "millrace_unstored_bytes", "gauge", "Results and chunks not stored yet.");
    metrics_put(out, "millrace_unstored_bytes", METRICS_NO_LABELS, (double)agent->buffered_bytes);
}
