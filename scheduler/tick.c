/* The loop.      start -> (roster_read) -> decide -> apply -> applied -> finish -> (wait) -> start
 *
 * A wake-up is a hint that a job waits where no worker is. The first one starts a round at once;
 * those that come while it runs, or within the gap, together start one more. Jobs that keep coming
 * to an endpoint that may not have a worker (workersMax 0, no agent) wake again and again without
 * any change: each such round doubles the gap, up to the normal second.
 *
 * Failure: a round that meets an outage of Redis ends there; the next one reads everything anew, so
 * nothing has to be undone. Logged once until a round succeeds again. What must never happen: a
 * write decided under a leadership that has ended. The clock is asked just before writing, and
 * assignments carry the epoch for the case that the process is paused right there. */
#include "tick.h"

#include "base/clock.h"
#include "base/log.h"
#include "decision.h"
#include "record.h"

static void tick_start(struct timer *timer);
static void tick_decide(struct roster *roster, enum err err);
static void tick_apply(struct tick *tick, const struct plan *plan);
static void tick_applied(struct gather *gather);
static void tick_finish(struct tick *tick, enum err err);

static void on_cluster_change(void *arg)
{
    tick_wake(arg);
}

static void start_kubernetes(struct tick *tick, const struct tick_config *config)
{
    if (config->kubernetes != NULL) {
        struct kubernetes_config kubernetes = *config->kubernetes;
        kubernetes.loop = config->loop;
        kubernetes.leader = config->leader;
        kubernetes.on_change = on_cluster_change;
        kubernetes.arg = tick;
        tick->kubernetes = kubernetes_new(&kubernetes);
    }
}

void tick_init(struct tick *tick, const struct tick_config *config)
{
    *tick = (struct tick){.loop = config->loop,
                          .store = config->store,
                          .leader = config->leader,
                          .on_refused = config->on_refused,
                          .arg = config->arg,
                          .gap_ms = TICK_WAKE_MS};
    roster_init(&tick->roster, config->loop, config->store);
    start_kubernetes(tick, config);
    sweep_init(&tick->sweep, config->loop, config->store, config->bus);
    gather_init(&tick->writes, config->store);
}

void tick_begin_leading(struct tick *tick)
{
    tick->is_active = true;
    roster_expect_change(&tick->roster);
    roster_forget_wishes(&tick->roster);
    sweep_start(&tick->sweep, &tick->roster, &tick->leader->term);
    tick_wake(tick);
}

void tick_end_leading(struct tick *tick)
{
    tick->is_active = false;
    timer_stop(&tick->timer);
    sweep_pause(&tick->sweep);
}

/* Sets the timer for the next round, counted from the begin of the last. */
static void schedule(struct tick *tick)
{
    uint64_t due_ms = tick->started_ms + (tick->is_woken ? tick->gap_ms : TICK_MS);
    uint64_t now_ms = loop_now_ms(tick->loop);
    timer_start(tick->loop, &tick->timer, due_ms > now_ms ? due_ms - now_ms : 0, tick_start);
}

void tick_wake(struct tick *tick)
{
    tick->is_woken = true;
    if (tick->is_active && !tick->is_running) {
        schedule(tick);
    }
}

static void tick_start(struct timer *timer)
{
    struct tick *tick = container_of(timer, struct tick, timer);
    tick->started_ms = loop_now_ms(tick->loop);
    tick->gap_ms = tick->is_woken ? tick->gap_ms * 2 : TICK_WAKE_MS;
    tick->gap_ms = tick->gap_ms < TICK_MS ? tick->gap_ms : TICK_MS;
    tick->is_woken = false;
    tick->changes = 0;
    if (!store_is_ready(tick->store)) {
        schedule(tick); /* the outage has been logged where it was seen */
        return;
    }
    tick->is_running = true;
    tick->began_us = clock_mono_us();
    roster_read(&tick->roster, tick_decide);
}

static void tick_decide(struct roster *roster, enum err err)
{
    struct tick *tick = container_of(roster, struct tick, roster);
    if (err != ERR_OK || !tick->is_active) {
        tick_finish(tick, err);
        return;
    }
    if (tick->kubernetes != NULL) {
        kubernetes_look(tick->kubernetes, roster);
    }
    AUTO(plan_done) struct plan plan;
    plan_make(&plan, roster);
    tick_apply(tick, &plan);
}

static void tick_apply(struct tick *tick, const struct plan *plan)
{
    if (!leader_is_leading(tick->leader)) {
        tick_finish(tick, ERR_OK);
        return;
    }
    struct slots_round round = {tick->leader->epoch, loop_now_ms(tick->loop)};
    gather_begin(&tick->writes, tick_applied);
    tick->changes = slots_apply(&round, &tick->writes, &tick->roster, plan);
    if (tick->kubernetes != NULL) {
        tick->changes += kubernetes_apply(tick->kubernetes, &tick->roster);
    }
    record_apply(&tick->writes, &tick->roster);
    for (size_t i = 0; i < tick->roster.endpoints.count; i++) {
        decision_record(&tick->writes, &tick->roster, roster_endpoint_at(&tick->roster, i));
    }
    gather_end(&tick->writes);
}

static void tick_applied(struct gather *gather)
{
    struct tick *tick = container_of(gather, struct tick, writes);
    if (slots_was_refused(&tick->roster)) {
        tick->on_refused(tick->arg);
    }
    tick_finish(tick, gather->err);
}

static void tick_finish(struct tick *tick, enum err err)
{
    if (err != ERR_OK && !tick->is_failing) {
        log_warn("tick.failed", "err=%s problem=%s", err_name(err),
                 log_quote(slice_of(store_problem(tick->store))));
    } else if (err == ERR_OK && tick->is_failing) {
        log_info("tick.recovered", "endpoints=%zu", tick->roster.endpoints.count);
    }
    tick->is_failing = err != ERR_OK;
    tick->gap_ms = tick->changes > 0 ? TICK_WAKE_MS : tick->gap_ms;
    tick->is_running = false;
    histogram_observe(&tick->rounds, (double)(clock_mono_us() - tick->began_us) / 1e6);
    if (tick->is_active) {
        schedule(tick);
    }
}

void tick_done(struct tick *tick)
{
    kubernetes_free(tick->kubernetes);
    timer_stop(&tick->timer);
    gather_done(&tick->writes);
    sweep_done(&tick->sweep);
    roster_done(&tick->roster);
}
