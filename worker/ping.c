/* The agent sees its processes end, so pings only say what it cannot see: whether a handler has let
 * go of a stopped job, which jobs it no longer works on although no result came, and that a fitness
 * check has failed.
 *
 * The lists of SDK 1.7.11 to 1.10.0 come from a file that several workers may share: there the
 * absence of a job means nothing. Neither does it before a ping has listed any job. */
#include "ping.h"

#include "base/log.h"
#include "held.h"
#include "lost.h"
#include "plane.h"
#include "slot.h"

#define LET_GO_MS 1000 /* the list of a ping may be a moment old */
#define UNLISTED_MAX 2 /* pings without a job before it counts as dropped */

static bool lists(struct slice ids, const char *id)
{
    while (ids.len > 0) {
        if (slice_is(slice_trim(slice_cut(&ids, ',')), id)) {
            return true;
        }
    }
    return false;
}

static void compare_stopped(struct held *held, bool is_listed, uint64_t now)
{
    if (now - held->stopped_ms < LET_GO_MS) {
        return;
    }
    if (is_listed) {
        held->seen_after_stop_ms = now;
    } else if (held->stop_told_ms > 0) {
        held_free(held);
    }
}

static void compare_running(struct held *held, bool is_listed, uint64_t now)
{
    if (is_listed) {
        held->slot->lists_jobs = true;
        held->unlisted = 0;
        held->was_received = true;
    } else if (now - held->since_ms >= LET_GO_MS && held->slot->lists_jobs &&
               ++held->unlisted >= UNLISTED_MAX) {
        lost_unlisted(held);
    }
}

static void compare_jobs(struct slot *slot, struct slice ids, bool is_sound)
{
    uint64_t now = loop_now_ms(slot->group->agent->loop);
    list_each_safe (at, &slot->jobs) {
        struct held *held = container_of(at, struct held, slot_link);
        bool is_listed = lists(ids, held->id);
        if (held->state == HELD_STOPPED) {
            compare_stopped(held, is_listed, now);
        } else if (is_sound) {
            compare_running(held, is_listed, now);
        }
    }
}

/* "1.9.1" as 10901; what is no version is 0. */
static int64_t version_number(struct slice version)
{
    int64_t major = slice_to_i64_or(slice_cut(&version, '.'), 0);
    int64_t minor = slice_to_i64_or(slice_cut(&version, '.'), 0);
    int64_t patch = slice_to_i64_or(slice_cut(&version, '.'), 0);
    return major * 10000 + minor * 100 + patch;
}

bool ping_lists_are_sound(struct slice version)
{
    int64_t number = version_number(version);
    return number > 0 && (number < 10711 || number > 11000);
}

void ping_request(struct slot *slot, struct http_request *request, const struct url *url)
{
    AUTO(buf_done) struct buf ids = BUF_INIT;
    AUTO(buf_done) struct buf status = BUF_INIT;
    AUTO(buf_done) struct buf reason = BUF_INIT;
    AUTO(buf_done) struct buf version = BUF_INIT;
    (void)url_param(url, "job_id", &ids);
    (void)url_param(url, "runpod_version", &version);
    (void)url_param(url, "status", &status);
    slot->has_pinged = true;
    if (slice_is(buf_slice(&status), "unhealthy")) {
        (void)url_param(url, "reason", &reason);
        log_warn("worker.unhealthy", "worker=%s reason=%s", slot->worker,
                 log_quote(buf_slice(&reason)));
        slot->is_unhealthy = true;
        report_change(slot->group);
    }
    compare_jobs(slot, buf_slice(&ids), ping_lists_are_sound(buf_slice(&version)));
    plane_answer(request, 200, SLICE("{}"));
}
