/* The autoscaler's rules.
 *
 *   want = clamp(max(need, keep), min, max), below what the breaker allows
 *
 * keep is what may not go: busy and starting workers, and the idle ones that are not expired (all
 * of them while jobs wait). need is what the scaler asks for:
 *
 *   REQUEST_COUNT  ceil((waiting + running) / scalerValue)
 *   QUEUE_DELAY    the most of
 *     first job    one, when a job waits and no worker is there
 *     rate         ceil(rate x job time / (slots x 0.8)): what keeps up with the last minute
 *     backlog      what clears the queue within cold start + scalerValue; only when those that are
 *                  there, starting ones included, cannot
 *     late         ready + max(starting, ceil(late / slots)): a worker that starts is the answer to
 *                  late jobs, so a long cold start does not order it again each second
 *
 * No term asks for more than one slot for each job: a single job of ten minutes is one worker, and
 * a load below half a worker holds none beyond its idle timeout.
 *
 * Only present state counts, never the last wish: the same state gives the same answer, whoever
 * leads and however often the tick runs. workersMax is the owner's order and stands above busy
 * workers: what is too much drains, which ends no job. */
#include "scale.h"

#include <assert.h>

#include "base/alloc.h"

#define BUSY_SHARE 0.8 /* of a worker's time; the rest takes up what arrives unevenly */
#define LOAD_LEAST 0.5 /* workers */

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Without <math.h>; no more than an endpoint can have by far. */
static int64_t round_up(double value)
{
    int64_t whole = value < 1e6 ? (int64_t)value : 1000000;
    return (double)whole < value ? whole + 1 : whole;
}

static double slots_of(const struct scale_input *in)
{
    return in->slots >= 1 ? in->slots : 1;
}

static int64_t hold(const struct scale_input *in, int64_t jobs)
{
    return round_up((double)jobs / slots_of(in));
}

static int64_t carry(const struct scale_input *in, double rate)
{
    double load = rate * in->job_s / slots_of(in);
    return load < LOAD_LEAST ? 0 : least(round_up(load / BUSY_SHARE), hold(in, in->peak));
}

/* What is there goes only when the largest rate of late does not need it; what is not there comes
 * for the present one. */
static int64_t by_rate(const struct scale_input *in)
{
    int64_t present = in->starting + in->idle + in->busy;
    return most(carry(in, in->rate), least(present, carry(in, in->rate_held)));
}

static int64_t by_backlog(const struct scale_input *in)
{
    double horizon_s = in->start_s + in->scaler_value;
    double work_s = (double)in->waiting * in->job_s / slots_of(in);
    int64_t present = in->starting + in->idle + in->busy;
    if (in->start_s <= 0 || work_s <= (double)present * horizon_s) {
        return 0;
    }
    return least(round_up(work_s / horizon_s), in->busy + hold(in, in->waiting));
}

static int64_t by_late(const struct scale_input *in)
{
    bool is_late = in->waiting > 0 && in->late > 0;
    return is_late ? in->idle + in->busy + most(in->starting, hold(in, in->late)) : 0;
}

static struct scale_decision need_request_count(const struct scale_input *in)
{
    double each = in->scaler_value >= 1 ? in->scaler_value : 1;
    return (struct scale_decision){round_up((double)(in->waiting + in->running) / each),
                                   SCALE_REQUEST_COUNT};
}

static struct scale_decision need_queue_delay(const struct scale_input *in)
{
    bool is_first = in->waiting > 0 && in->idle + in->busy + in->starting == 0;
    const struct scale_decision terms[] = {
        {is_first ? 1 : 0, SCALE_FIRST_JOB},
        {by_rate(in), SCALE_RATE},
        {by_backlog(in), SCALE_BACKLOG},
        {by_late(in), SCALE_LATE},
    };
    struct scale_decision best = {0, SCALE_KEEP};
    for (size_t i = 0; i < COUNT_OF(terms); i++) {
        best = terms[i].want > best.want ? terms[i] : best;
    }
    return best;
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

/* A slot that rests after a crash has to go before another try: it would stand for that try. */
static void obey_breaker(const struct scale_input *in, struct scale_decision *decision)
{
    int64_t tries = in->breaker == BREAKER_CANARY && in->unhealthy == 0 ? 1 : 0;
    int64_t allowed = in->idle + in->busy + most(in->starting, tries);
    if (in->breaker != BREAKER_CLOSED && decision->want > allowed) {
        *decision = (struct scale_decision){allowed, SCALE_CRASH_LOOP};
    }
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
    obey_breaker(in, &decision);
    return decision;
}

const char *scale_reason_name(enum scale_reason reason)
{
    static const char *const names[] = {
        [SCALE_KEEP] = "keep",
        [SCALE_MIN] = "min",
        [SCALE_FIRST_JOB] = "first_job",
        [SCALE_RATE] = "rate",
        [SCALE_BACKLOG] = "backlog",
        [SCALE_LATE] = "late",
        [SCALE_REQUEST_COUNT] = "request_count",
        [SCALE_IDLE] = "idle",
        [SCALE_MAX] = "max",
        [SCALE_CRASH_LOOP] = "crash_loop",
        [SCALE_UNKNOWN] = "unknown",
    };
    static_assert(COUNT_OF(names) == SCALE_REASON_COUNT, "each reason has a name");
    ensure((size_t)reason < COUNT_OF(names));
    return names[reason];
}
