/* The whole state of the endpoint's slots each time: repeated reports heal whatever was lost. */
#include "report.h"

#include "held.h"
#include "poll.h"
#include "slot.h"

#define REPORTS_MAX 1024

static void report_due(struct timer *timer);
static void report_sent(struct store_call *call, enum err err, const struct reply *reply);

static void schedule(struct group *group, uint64_t earliest_ms)
{
    struct report *report = &group->report;
    uint64_t now = loop_now_ms(group->agent->loop);
    uint64_t due = report->sent_ms + earliest_ms;
    uint64_t delay = due > now ? due - now : 0;
    if (!timer_is_running(&report->timer) || report->timer.due_ms > now + delay) {
        timer_start(group->agent->loop, &report->timer, delay, report_due);
    }
}

void report_change(struct group *group)
{
    schedule(group, REPORT_MIN_MS);
}

void report_gone(struct group *group, const char *worker)
{
    struct report *report = &group->report;
    report->gone = xrealloc(report->gone, (report->gone_count + 1) * sizeof(*report->gone));
    report->gone[report->gone_count++] = xstrdup(worker);
    report_change(group);
}

/* What it holds and what it asks for beside: a handler that is full asks for nothing. */
static size_t jobs_at_once(const struct slot *slot)
{
    size_t count = slot_job_count(slot);
    list_each (at, &slot->takes) {
        count += container_of(at, struct poll, link)->wanted;
    }
    return count > slot->most_jobs ? count : slot->most_jobs;
}

static uint64_t since_of(const struct slot *slot)
{
    return list_is_empty(&slot->jobs)
               ? slot->since_ms
               : container_of(slot->jobs.next, struct held, slot_link)->since_ms;
}

static struct worker_report report_of(struct slot *slot, uint64_t now)
{
    bool has_polled = slot->polled_ms > 0;
    slot->most_jobs = has_polled ? jobs_at_once(slot) : 0;
    return (struct worker_report){
        .worker = slice_of(slot->worker),
        .state = slice_of(slot_word(slot)),
        .held = (int64_t)slot_job_count(slot),
        .age_ms = (int64_t)(now - since_of(slot)),
        .version = slot->version,
        .slots = (int64_t)slot->most_jobs,
        .start_ms = has_polled ? (int64_t)(slot->polled_ms - slot->born_ms) : 0,
        .ready_age_ms = has_polled ? (int64_t)(now - slot->polled_ms) : -1,
    };
}

static size_t gather(struct group *group, struct worker_report *reports)
{
    struct report *report = &group->report;
    uint64_t now = loop_now_ms(group->agent->loop);
    size_t count = 0;
    for (; count < report->gone_count && count < REPORTS_MAX / 2; count++) {
        reports[count] = (struct worker_report){.worker = slice_of(report->gone[count])};
    }
    report->sent_gone = count;
    list_each (at, &group->slots) {
        struct slot *slot = container_of(at, struct slot, link);
        if (count < REPORTS_MAX && slot->worker[0] != '\0') {
            reports[count++] = report_of(slot, now);
        }
    }
    return count;
}

static void report_due(struct timer *timer)
{
    struct group *group = container_of(timer, struct group, report.timer);
    struct report *report = &group->report;
    struct worker_report reports[REPORTS_MAX];
    if (store_call_is_waiting(&report->call)) {
        timer_start(group->agent->loop, timer, REPORT_MIN_MS, report_due);
        return;
    }
    size_t count = gather(group, reports);
    report->sent_ms = loop_now_ms(group->agent->loop);
    if (count > 0) {
        queue_report(group->agent->store, &report->call, group_ep(group),
                     slice_of(group->agent->config.id), reports, count, report_sent);
    }
}

static void forget_gone(struct report *report, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(report->gone[i]);
    }
    report->gone_count -= count;
    if (count > 0) {
        memmove(report->gone, report->gone + count, report->gone_count * sizeof(*report->gone));
    }
}

static void report_sent(struct store_call *call, enum err err, const struct reply *reply)
{
    struct group *group = container_of(call, struct group, report.call);
    (void)reply;
    if (err == ERR_OK) {
        forget_gone(&group->report, group->report.sent_gone);
    }
    if (group->report.gone_count > 0) {
        schedule(group, REPORT_MIN_MS);
    } else if (!list_is_empty(&group->slots)) {
        schedule(group, REPORT_MAX_MS);
    }
    agent_check_stopped(group->agent);
}

bool report_is_sent(const struct report *report)
{
    return report->gone_count == 0 && !store_call_is_waiting(&report->call);
}

void report_done(struct report *report)
{
    timer_stop(&report->timer);
    store_detach(&report->call);
    forget_gone(report, report->gone_count);
    free(report->gone);
    report->gone = NULL;
}
