/* One call for all jobs of the endpoint, every LEASE_RENEW_MS while there are any. */
#include "lease.h"

#include "group.h"
#include "held.h"
#include "stop.h"

#define OVERDUE_MS 30000 /* past the execution timeout: whoever sweeps must be away */

static void lease_due(struct timer *timer);
static void lease_renewed(struct store_call *call, enum err err, const struct reply *reply);

void lease_start(struct group *group)
{
    if (!timer_is_running(&group->lease.timer)) {
        timer_start(group->agent->loop, &group->lease.timer, LEASE_RENEW_MS, lease_due);
    }
}

static void forget(struct lease *lease)
{
    for (size_t i = 0; i < lease->count; i++) {
        free((void *)(uintptr_t)lease->jobs[i].id.ptr);
    }
    free(lease->jobs);
    lease->jobs = NULL;
    lease->count = 0;
}

/* Copies: jobs may end before the answer comes. */
static void gather(struct group *group)
{
    struct lease *lease = &group->lease;
    size_t at_most = 0;
    list_each (at, &group->jobs) {
        at_most++;
    }
    forget(lease);
    lease->jobs = xcalloc(at_most + 1, sizeof(*lease->jobs));
    list_each (at, &group->jobs) {
        const struct held *held = container_of(at, struct held, group_link);
        if (held->state != HELD_STOPPED) {
            lease->jobs[lease->count++] =
                (struct held_job){slice_of(xstrdup(held->id)), held->attempt};
        }
    }
}

/* Without a scheduler nobody ends an overdue job; a draining agent must not wait for it for ever.
 */
static void stop_overdue(struct group *group)
{
    uint64_t now = loop_now_ms(group->agent->loop);
    list_each_safe (at, &group->jobs) {
        struct held *held = container_of(at, struct held, group_link);
        if (group->agent->is_stopping &&
            now - held->since_ms > (uint64_t)held->execution_ms + OVERDUE_MS) {
            stop_job(held);
        }
    }
}

static void lease_due(struct timer *timer)
{
    struct group *group = container_of(timer, struct group, lease.timer);
    if (!list_is_empty(&group->jobs)) {
        lease_start(group);
        stop_overdue(group);
        lease_renew(group);
    }
}

void lease_renew(struct group *group)
{
    if (store_call_is_waiting(&group->lease.call)) {
        return;
    }
    gather(group);
    if (group->lease.count > 0) {
        queue_renew(group->agent->store, &group->lease.call, group_ep(group),
                    slice_of(group->agent->config.id), group->lease.jobs, group->lease.count,
                    lease_renewed);
    }
}

static void lease_renewed(struct store_call *call, enum err err, const struct reply *reply)
{
    struct group *group = container_of(call, struct group, lease.call);
    struct lease *lease = &group->lease;
    for (size_t i = 0; err == ERR_OK && i < lease->count; i++) {
        if (reply_int(reply_at(reply, i), 1) == 0) {
            list_each_safe (at, &group->jobs) {
                struct held *held = container_of(at, struct held, group_link);
                if (held->attempt == lease->jobs[i].attempt &&
                    slice_is(lease->jobs[i].id, held->id)) {
                    stop_job(held);
                }
            }
        }
    }
    forget(lease);
}

void lease_done(struct lease *lease)
{
    timer_stop(&lease->timer);
    store_detach(&lease->call);
    forget(lease);
}
