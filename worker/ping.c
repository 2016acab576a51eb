/* The agent sees its processes end, so pings only say what it cannot see: whether a handler has let
 * go of a stopped job, and that a fitness check has failed. */
#include "ping.h"

#include "base/log.h"
#include "held.h"
#include "plane.h"
#include "slot.h"

#define LET_GO_MS 1000 /* the list of a ping may be a moment old */

static bool lists(struct slice ids, const char *id)
{
    while (ids.len > 0) {
        if (slice_is(slice_trim(slice_cut(&ids, ',')), id)) {
            return true;
        }
    }
    return false;
}

static void compare_jobs(struct slot *slot, struct slice ids)
{
    uint64_t now = loop_now_ms(slot->group->agent->loop);
    list_each_safe (at, &slot->jobs) {
        struct held *held = container_of(at, struct held, slot_link);
        bool is_old = held->state == HELD_STOPPED && now - held->stopped_ms >= LET_GO_MS;
        if (is_old && lists(ids, held->id)) {
            held->seen_after_stop_ms = now;
        } else if (is_old && held->stop_told_ms > 0) {
            held_free(held);
        }
    }
}

void ping_request(struct slot *slot, struct http_request *request, const struct url *url)
{
    AUTO(buf_done) struct buf ids = BUF_INIT;
    AUTO(buf_done) struct buf status = BUF_INIT;
    AUTO(buf_done) struct buf reason = BUF_INIT;
    (void)url_param(url, "job_id", &ids);
    (void)url_param(url, "status", &status);
    if (slice_is(buf_slice(&status), "unhealthy")) {
        (void)url_param(url, "reason", &reason);
        log_warn("worker.unhealthy", "worker=%s reason=%s", slot->worker,
                 log_quote(buf_slice(&reason)));
        slot->is_unhealthy = true;
        report_change(slot->group);
    }
    compare_jobs(slot, buf_slice(&ids));
    plane_answer(request, 200, SLICE("{}"));
}
