/* One JSON object for each change of what is wanted or of what found a place: small enough that two
 * hundred of them cost an endpoint less than 100 KB. */
#include "decision.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

static void put_counts(struct buf *out, const struct scale_input *in)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"queued", in->queued},   {"waiting", in->waiting},   {"late", in->late},
        {"running", in->running}, {"starting", in->starting}, {"idle", in->idle},
        {"expired", in->expired}, {"busy", in->busy},         {"min", in->min},
        {"max", in->max},         {"peak", in->peak},
    };
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        (void)buf_printf(out, "%s\"%s\":%" PRId64, i > 0 ? "," : "", counts[i].name,
                         counts[i].value);
    }
}

static const char *breaker_name(enum breaker breaker)
{
    return breaker == BREAKER_CLOSED ? "closed" : breaker == BREAKER_OPEN ? "open" : "canary";
}

void decision_put(struct buf *out, const struct roster_endpoint *endpoint, int64_t now_ms)
{
    const struct scale_input *in = &endpoint->input;
    (void)buf_printf(out,
                     "{\"at\":%" PRId64 ",\"from\":%" PRId64 ",\"to\":%" PRId64
                     ",\"placed\":%" PRId64 ",\"term\":\"%s\",\"reason\":\"%s\",\"inputs\":{",
                     now_ms, endpoint->want_told, endpoint->decision.want, endpoint->placed,
                     scale_reason_name(endpoint->decision.reason), reason_name(endpoint->reason));
    put_counts(out, in);
    (void)buf_printf(out,
                     ",\"arrivalsPerSecond\":%.4g,\"arrivalsPerSecondHeld\":%.4g,\"jobSeconds\":"
                     "%.4g,\"startSeconds\":%.4g,\"jobsPerWorker\":%.4g,\"breaker\":\"%s\"}}",
                     in->rate, in->rate_held, in->job_s, in->start_s, in->slots,
                     breaker_name(in->breaker));
}

static void log_decision(const struct roster_endpoint *endpoint)
{
    const struct scale_input *in = &endpoint->input;
    log_info("scale.decided",
             "endpoint=%s from=%" PRId64 " to=%" PRId64 " placed=%" PRId64
             " term=%s reason=%s queued=%" PRId64 " waiting=%" PRId64 " late=%" PRId64
             " running=%" PRId64 " starting=%" PRId64 " idle=%" PRId64 " expired=%" PRId64
             " busy=%" PRId64 " min=%" PRId64 " max=%" PRId64
             " rate=%.3f job_s=%.3f start_s=%.1f slots=%.1f",
             endpoint->item.id, endpoint->want_told, endpoint->decision.want, endpoint->placed,
             scale_reason_name(endpoint->decision.reason), reason_name(endpoint->reason),
             in->queued, in->waiting, in->late, in->running, in->starting, in->idle, in->expired,
             in->busy, in->min, in->max, in->rate, in->job_s, in->start_s, in->slots);
}

static void push(struct gather *gather, const char *id, struct slice text)
{
    AUTO_STR key = xasprintf("mr:{%s}:decisions", id);
    const struct slice words[] = {SLICE("LPUSH"), slice_of(key), text};
    store_command(gather->store, gather_add(gather, NULL, NULL), words, COUNT_OF(words),
                  gather_arrived);
    gather_read(gather, NULL, NULL, "LTRIM %s 0 %d", key, DECISIONS_MAX - 1);
}

void decision_record(struct gather *gather, const struct roster *roster,
                     struct roster_endpoint *endpoint)
{
    bool is_same =
        endpoint->decision.want == endpoint->want_told && endpoint->placed == endpoint->placed_told;
    if (is_same) {
        return;
    }
    log_decision(endpoint);
    if (endpoint->conf != NULL && endpoint->is_read) { /* a deleted one leaves nothing behind */
        AUTO(buf_done) struct buf text = BUF_INIT;
        decision_put(&text, endpoint, roster->now_ms);
        push(gather, endpoint->item.id, buf_slice(&text));
    }
    endpoint->want_told = endpoint->decision.want;
    endpoint->placed_told = endpoint->placed;
}
