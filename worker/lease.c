/* One call for all jobs of the endpoint, every LEASE_RENEW_MS while there are any:
 *
 *   gather -> renew -> (some that the store has lost? adopt) -> stop what is no longer ours
 *
 * The store has lost a job when its record is gone or tells of an older attempt: a fail-over lost
 * the last writes, or older data were put back. Then the agent says all it knows of the job, and
 * the handler does not notice. */
#include "lease.h"

#include "base/log.h"
#include "group.h"
#include "held.h"
#include "stop.h"

#define OVERDUE_MS 30000 /* past the execution timeout: whoever sweeps must be away */

enum renewal { RENEWAL_STOP = 0, RENEWAL_HELD = 1, RENEWAL_ADOPT = 2 }; /* see renew.lua */

static void lease_due(struct timer *timer);
static void lease_renewed(struct store_call *call, enum err err, const struct reply *reply);
static void lease_adopt(struct group *group);
static void lease_adopted(struct store_call *call, enum err err, const struct reply *reply);

void lease_start(struct group *group)
{
    if (!timer_is_running(&group->lease.timer)) {
        timer_start(group->agent->loop, &group->lease.timer, LEASE_RENEW_MS, lease_due);
    }
}

/* Copies: jobs may end before the answer comes. */
static void remember(struct lease *lease, const struct held *held)
{
    lease->jobs[lease->count++] = (struct held_job){slice_of(xstrdup(held->id)), held->attempt,
                                                    slice_of(xstrdup(held->worker))};
}

static void forget_from(struct lease *lease, size_t first)
{
    while (lease->count > first) {
        const struct held_job *job = &lease->jobs[--lease->count];
        free((void *)(uintptr_t)job->id.ptr);
        free((void *)(uintptr_t)job->worker.ptr);
    }
}

static void forget(struct lease *lease)
{
    forget_from(lease, 0);
    free(lease->jobs);
    lease->jobs = NULL;
}

static struct held *find(struct group *group, const struct held_job *job)
{
    list_each (at, &group->jobs) {
        struct held *held = container_of(at, struct held, group_link);
        if (held->attempt == job->attempt && slice_is(job->id, held->id) &&
            slice_is(job->worker, held->worker)) {
            return held;
        }
    }
    return NULL;
}

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
            remember(lease, held);
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

/* Jobs that shall be adopted move to the front. */
static void lease_renewed(struct store_call *call, enum err err, const struct reply *reply)
{
    struct group *group = container_of(call, struct group, lease.call);
    struct lease *lease = &group->lease;
    size_t lost = 0;
    for (size_t i = 0; err == ERR_OK && i < lease->count; i++) {
        int64_t answer = reply_int(reply_at(reply, i), RENEWAL_HELD);
        struct held *held = find(group, &lease->jobs[i]);
        if (held != NULL && answer == RENEWAL_STOP) {
            stop_job(held);
        } else if (held != NULL && answer == RENEWAL_ADOPT) {
            const struct held_job job = lease->jobs[lost];
            lease->jobs[lost++] = lease->jobs[i];
            lease->jobs[i] = job;
        }
    }
    forget_from(lease, lost);
    lease_adopt(group);
}

/* ---- adopt ---- */

static struct adoption adoption_of(const struct held *held)
{
    uint64_t end = held->ended_ms > 0 ? held->ended_ms : loop_now_ms(held->group->agent->loop);
    return (struct adoption){
        .job = held_name(held),
        .token = slice_of(held->token),
        .age_ms = (int64_t)(end - held->since_ms),
        .execution_ms = held->execution_ms,
        .retention_ms = group_retention_ms(held->group),
    };
}

static void lease_adopt(struct group *group)
{
    struct lease *lease = &group->lease;
    AUTO(free) void *memory = xcalloc(lease->count + 1, sizeof(struct adoption));
    struct adoption *adoptions = memory;
    for (size_t i = 0; i < lease->count; i++) {
        adoptions[i] = adoption_of(find(group, &lease->jobs[i]));
    }
    if (lease->count > 0) {
        queue_adopt(group->agent->store, &lease->call, group_ep(group),
                    slice_of(group->agent->config.id), adoptions, lease->count, lease_adopted);
    }
}

static void lease_adopted(struct store_call *call, enum err err, const struct reply *reply)
{
    struct group *group = container_of(call, struct group, lease.call);
    struct lease *lease = &group->lease;
    for (size_t i = 0; err == ERR_OK && i < lease->count; i++) {
        struct held *held = find(group, &lease->jobs[i]);
        bool is_ours = reply_int(reply_at(reply, i), 0) == 1;
        if (held == NULL) {
            continue;
        }
        log_warn(is_ours ? "job.adopted" : "job.refused",
                 "ep=%s job=%s attempt=%lld reason=\"the store had lost it\"", group->ep, held->id,
                 (long long)held->attempt);
        held->is_refused = !is_ours;
        if (held->is_refused) {
            stop_job(held);
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
