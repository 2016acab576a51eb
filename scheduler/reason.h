/* Why a job of an endpoint waits, or would wait if it came now. Pure. */
#ifndef SCHEDULER_REASON_H
#define SCHEDULER_REASON_H

#include "base/slice.h"
#include "breaker.h"
#include "pods.h"

enum reason {
    REASON_WAITING_TURN,
    REASON_STARTING,
    REASON_IMAGE_PULLING,
    REASON_AT_MAX_WORKERS,
    REASON_NO_CAPACITY,
    REASON_NO_COMPATIBLE_GPU,
    REASON_CRASH_LOOP,
    REASON_PAUSED,
    REASON_COUNT
};

struct reason_input {
    int64_t max, want, placed;
    int64_t ready, starting;  /* workers */
    bool is_pulling;          /* those that start wait for their image */
    enum pod_trouble trouble; /* of those that start; POD_FINE where Kubernetes is not used */
    enum breaker breaker;
    bool is_low_only; /* all that waits is of low priority */
    bool needs_gpu;
    bool has_machine; /* one that could run a worker if it ran nothing else */
};

enum reason reason(const struct reason_input *input);
const char *reason_name(enum reason reason); /* "NO_CAPACITY" */
int reason_find(struct slice name);          /* -1 when unknown */

#endif
