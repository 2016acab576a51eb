/* The autoscaler's rules.
 *
 *   want = clamp(max(need, keep), min, max)
 *
 * keep is what may not go: busy and starting workers, and the idle ones that are not expired (all
 * of them while jobs wait). need is what the scaler asks for:
 *
 *   REQUEST_COUNT  ceil((waiting + running) / scalerValue)
 *   QUEUE_DELAY    one for the first job; then, while jobs wait longer than scalerValue seconds,
 *                  ready + max(starting, late): a worker that starts is the answer to one late job,
 *                  so a long cold start does not order the same worker again each second.
 *
 * Only present state counts, never the last wish: the same state gives the same answer, whoever
 * leads and however often the tick runs. workersMax is the owner's order and stands above busy
 * workers: what is too much drains, which ends no job. */
#include "scale.h"

#include <assert.h>

#include "base/alloc.h"

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Without <math.h>: both sides are small, and a value below the smallest allowed counts as that. */
static int64_t divide_up(int64_t jobs, double per_worker)
{
    double each = per_worker >= 1 ? per_worker : 1;
    int64_t workers = (int64_t)((double)jobs / each);
    return (double)workers * each < (double)jobs ? workers + 1 : workers;
}

static struct scale_decision need_request_count(const struct scale_input *in)
{
    int64_t jobs = in->waiting + in->running;
    return (struct scale_decision){divide_up(jobs, in->scaler_value), SCALE_REQUEST_COUNT};
}

static struct scale_decision need_queue_delay(const struct scale_input *in)
{
    int64_t ready = in->idle + in->busy;
    if (in->waiting > 0 && in->late > 0) {
        return (struct scale_decision){ready + at_least(in->starting, in->late), SCALE_QUEUE_DELAY};
    }
    if (in->waiting > 0 && ready + in->starting == 0) {
        return (struct scale_decision){1, SCALE_FIRST_JOB};
    }
    return (struct scale_decision){0, SCALE_KEEP};
}

static struct scale_decision need(const struct scale_input *in)
{
    static struct scale_decision (*const needs[])(const struct scale_input *) = {
        [SCALER_QUEUE_DELAY] = need_queue_delay,
        [SCALER_REQUEST_COUNT] = need_request_count,
    };
    ensure((size_t)in->scaler < COUNT_OF(needs));
    return needs[in->scaler](in);
}

struct scale_decision scale(const struct scale_input *in)
{
    ensure(in->min >= 0 && in->min <= in->max && in->expired >= 0 && in->expired <= in->idle);
    struct scale_decision decision = need(in);
    int64_t present = in->starting + in->idle + in->busy;
    int64_t keep = in->queued > 0 ? present : present - in->expired;
    if (decision.want <= keep) {
        decision.want = keep;
        decision.reason = keep < present ? SCALE_IDLE : SCALE_KEEP;
    }
    if (decision.want < in->min) {
        decision = (struct scale_decision){in->min, SCALE_MIN};
    }
    if (decision.want > in->max) {
        decision = (struct scale_decision){in->max, SCALE_MAX};
    }
    return decision;
}

const char *scale_reason_name(enum scale_reason reason)
{
    static const char *const names[] = {
        [SCALE_KEEP] = "keep",
        [SCALE_MIN] = "min",
        [SCALE_FIRST_JOB] = "first_job",
        [SCALE_QUEUE_DELAY] = "queue_delay",
        [SCALE_REQUEST_COUNT] = "request_count",
        [SCALE_IDLE] = "idle",
        [SCALE_MAX] = "max",
        [SCALE_UNKNOWN] = "unknown",
    };
    static_assert(COUNT_OF(names) == SCALE_REASON_COUNT, "each reason has a name");
    ensure((size_t)reason < COUNT_OF(names));
    return names[reason];
}
