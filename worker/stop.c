/* The store no longer wants a job: tell the handler, and if it does not let go, end it.
 *
 *   0 s   the open job-stop poll is answered, again every second while the job is held
 *   1 s   open job-take polls end, so that the next ones say whether anything is still in work
 *   5 s   a handler with nothing else: SIGTERM, 5 s later SIGKILL, fresh process
 *         a handler with other jobs that still lists this one in its pings (or never pings): it
 *         takes no new jobs and is replaced when the others have ended
 *
 * That a handler has let go is known from job_in_progress=0 or from its ping. */
#include "stop.h"

#include "base/log.h"
#include "forward.h"
#include "held.h"
#include "plane.h"
#include "slot.h"

#define TELL_MS 1000
#define LADDER_MS 5000
#define SILENT_MS 25000 /* more than two pings */
#define STOPPING_MS 250

static void stop_step(struct timer *timer);

static uint64_t now_of(const struct slot *slot)
{
    return loop_now_ms(slot->group->agent->loop);
}

static struct held *stopped_at(struct list *at)
{
    struct held *held = container_of(at, struct held, slot_link);
    return held->state == HELD_STOPPED ? held : NULL;
}

/* ---- telling ---- */

/* Answers one open poll with the jobs that have not been named for a second. */
static void tell(struct slot *slot)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    uint64_t now = now_of(slot);
    size_t count = 0;
    if (list_is_empty(&slot->stops)) {
        return;
    }
    buf_put_str(&body, "{\"jobsToStop\":[");
    list_each (at, &slot->jobs) {
        struct held *held = stopped_at(at);
        if (held != NULL && (held->stop_told_ms == 0 || now - held->stop_told_ms >= TELL_MS)) {
            held->stop_told_ms = now;
            buf_put_str(&body, count++ > 0 ? "," : "");
            buf_put_json_str(&body, slice_of(held->id));
        }
    }
    buf_put_str(&body, "]}");
    if (count > 0) {
        poll_answer(container_of(slot->stops.next, struct poll, link), 200, buf_slice(&body));
    }
}

void stop_job(struct held *held)
{
    struct slot *slot = held->slot;
    if (held->state != HELD_RUNNING || slot == NULL) {
        return;
    }
    log_info("job.stop", "ep=%s job=%s worker=%s", held->group->ep, held->id, slot->worker);
    held_move(held, HELD_STOPPED);
    held->stopped_ms = now_of(slot);
    if (held->forward != NULL) { /* closing the request is all it takes */
        forward_stop(held);
        return;
    }
    tell(slot);
    if (!timer_is_running(&slot->stop_timer)) {
        timer_start(slot->group->agent->loop, &slot->stop_timer, TELL_MS, stop_step);
    }
    slot_check(slot);
}

void stop_message(struct agent *agent, struct slice id, int64_t attempt)
{
    list_each (group_at, &agent->groups) {
        struct group *group = container_of(group_at, struct group, link);
        list_each (at, &group->jobs) {
            struct held *held = container_of(at, struct held, group_link);
            if (held->attempt == attempt && slice_is(id, held->id)) {
                stop_job(held);
                return;
            }
        }
    }
}

void stop_request(struct slot *slot, struct http_request *request, const struct url *url)
{
    (void)url;
    if (slot->state == SLOT_STOPPING) {
        plane_answer_later(slot->group->agent->loop, request, 204, STOPPING_MS);
        return;
    }
    (void)poll_new(slot, &slot->stops, request);
    tell(slot);
}

void stop_release(struct slot *slot)
{
    list_each_safe (at, &slot->jobs) {
        struct held *held = stopped_at(at);
        if (held != NULL) {
            held_free(held);
        }
    }
}

/* ---- insisting ---- */

struct stopped_jobs {
    uint64_t oldest_ms; /* since the first of the stopped jobs was stopped */
    uint64_t newest_ms;
    bool has_stopped, has_others;
    bool is_seen; /* a ping listed a stopped job after its stop */
};

static struct stopped_jobs look(struct slot *slot)
{
    struct stopped_jobs stopped = {.newest_ms = UINT64_MAX};
    list_each (at, &slot->jobs) {
        const struct held *held = stopped_at(at);
        if (held == NULL) {
            stopped.has_others = true;
            continue;
        }
        uint64_t age = now_of(slot) - held->stopped_ms;
        stopped.has_stopped = true;
        stopped.oldest_ms = age > stopped.oldest_ms ? age : stopped.oldest_ms;
        stopped.newest_ms = age < stopped.newest_ms ? age : stopped.newest_ms;
        stopped.is_seen = stopped.is_seen || held->seen_after_stop_ms > 0;
    }
    return stopped;
}

static void insist(struct slot *slot, const struct stopped_jobs *stopped)
{
    if (stopped->oldest_ms < LADDER_MS || slot->state == SLOT_STOPPING) {
        return;
    }
    enum slot_fate fate = slot->fate == FATE_STAY ? FATE_REPLACE : slot->fate;
    if (!stopped->has_others) {
        log_warn("worker.recycle", "worker=%s reason=\"holds on to a job that was stopped\"",
                 slot->worker);
        slot_stop(slot, fate, LADDER_MS);
    } else if ((stopped->is_seen || stopped->oldest_ms >= SILENT_MS) &&
               slot->state != SLOT_DRAINING) {
        log_warn("worker.drain", "worker=%s reason=\"holds on to a job that was stopped\"",
                 slot->worker);
        slot_drain(slot, fate);
    }
}

static void stop_step(struct timer *timer)
{
    struct slot *slot = container_of(timer, struct slot, stop_timer);
    struct stopped_jobs stopped = look(slot);
    if (!stopped.has_stopped) {
        return;
    }
    timer_start(slot->group->agent->loop, timer, TELL_MS, stop_step);
    tell(slot);
    if (stopped.newest_ms < 2 * TELL_MS) {
        poll_answer_all(&slot->takes);
    }
    insist(slot, &stopped);
}
