/* Text that agents wrote into Redis, read with suspicion. Pure. */
#ifndef SCHEDULER_DECODE_H
#define SCHEDULER_DECODE_H

#include "base/slice.h"

#define SLOTS_MAX 1024 /* of one agent; larger claims count as that */
#define GPUS_MAX 64

enum worker_state {
    WORKER_STARTING,
    WORKER_PULLING, /* its agent fetches the image that it shall run: no process yet */
    WORKER_IDLE,
    WORKER_BUSY,
    WORKER_UNHEALTHY,
    WORKER_STATE_COUNT
};

struct worker_value {
    enum worker_state state;
    int64_t held;
    int64_t since_ms; /* Redis time */
    int64_t version;
    struct slice agent; /* part of the text */
    int64_t slots;      /* jobs it takes at once; 0: not told */
    int64_t start_ms;   /* its cold start; 0: not told, or not over yet */
    int64_t ready_ms;   /* Redis time of its first poll; 0: not told, or not yet */
};

/* "state held since version agent slots start ready", see common/queue/README.md; the last three
 * may be missing (an older agent). */
enum err decode_worker(struct slice text, struct worker_value *ret_worker);

struct gpu_value {
    struct slice uuid, name; /* parts of the text */
};

struct agent_value {
    int64_t slots; /* 0..SLOTS_MAX */
    struct gpu_value gpus[GPUS_MAX];
    size_t gpu_count;
};

/* {"slots":N,"gpus":[...],...}: what is missing is 0. */
enum err decode_agent(struct slice text, struct agent_value *ret_agent);

/* "mr:{ID}:" as the scripts publish it; empty when it is not one. */
struct slice decode_prefix(struct slice text);

#endif
