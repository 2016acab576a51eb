/* The first that holds, from what the owner has ordered to what is normal. While workers are ready
 * a broken start or a full house is no reason to wait for ever, so those come later. */
#include "reason.h"

#include <assert.h>

static const char *const names[] = {
    [REASON_WAITING_TURN] = "WAITING_TURN",   [REASON_STARTING] = "STARTING",
    [REASON_IMAGE_PULLING] = "IMAGE_PULLING", [REASON_AT_MAX_WORKERS] = "AT_MAX_WORKERS",
    [REASON_NO_CAPACITY] = "NO_CAPACITY",     [REASON_NO_COMPATIBLE_GPU] = "NO_COMPATIBLE_GPU",
    [REASON_CRASH_LOOP] = "CRASH_LOOP",       [REASON_PAUSED] = "PAUSED",
};
static_assert(COUNT_OF(names) == REASON_COUNT, "each reason has a name");

static enum reason starting(const struct reason_input *in)
{
    static const enum reason of_trouble[] = {
        [POD_FINE] = REASON_STARTING,       [POD_PULLING] = REASON_IMAGE_PULLING,
        [POD_NO_ROOM] = REASON_NO_CAPACITY, [POD_NO_GPU] = REASON_NO_COMPATIBLE_GPU,
        [POD_CRASHING] = REASON_CRASH_LOOP,
    };
    ensure((size_t)in->trouble < COUNT_OF(of_trouble));
    return in->is_pulling ? REASON_IMAGE_PULLING : of_trouble[in->trouble];
}

static enum reason without_worker(const struct reason_input *in)
{
    if (in->breaker != BREAKER_CLOSED) {
        return REASON_CRASH_LOOP;
    }
    if (in->starting == 0 && !in->has_machine) {
        return in->needs_gpu ? REASON_NO_COMPATIBLE_GPU : REASON_NO_CAPACITY;
    }
    if (in->starting == 0 && in->placed < in->want) {
        return REASON_NO_CAPACITY;
    }
    return in->is_low_only && in->want == 0 ? REASON_WAITING_TURN : starting(in);
}

enum reason reason(const struct reason_input *in)
{
    if (in->max == 0) {
        return REASON_PAUSED;
    }
    if (in->ready == 0) {
        return without_worker(in);
    }
    if (in->ready >= in->max) {
        return REASON_AT_MAX_WORKERS;
    }
    if (in->starting > 0) {
        return starting(in);
    }
    return in->placed < in->want ? REASON_NO_CAPACITY : REASON_WAITING_TURN;
}

const char *reason_name(enum reason value)
{
    ensure((unsigned)value < REASON_COUNT);
    return names[value];
}

int reason_find(struct slice name)
{
    for (int i = 0; i < REASON_COUNT; i++) {
        if (slice_is(name, names[i])) {
            return i;
        }
    }
    return -1;
}
