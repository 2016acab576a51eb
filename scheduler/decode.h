/* Text that agents wrote into Redis, read with suspicion. Pure. */
#ifndef SCHEDULER_DECODE_H
#define SCHEDULER_DECODE_H

#include "base/slice.h"

#define SLOTS_MAX 1024 /* of one agent; larger claims count as that */
#define GPUS_MAX 64

enum worker_state {
    WORKER_STARTING,
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
};

/* "state held since version agent", see common/queue/README.md. */
enum err decode_worker(struct slice text, struct worker_value *ret_worker);

struct agent_value {
    int64_t slots; /* 0..SLOTS_MAX */
    int64_t gpus;  /* number of GPUs described, 0..GPUS_MAX */
};

/* {"slots":N,"gpus":[...],...}: what is missing is 0. */
enum err decode_agent(struct slice text, struct agent_value *ret_agent);

/* "mr:{ID}:" as the scripts publish it; empty when it is not one. */
struct slice decode_prefix(struct slice text);

#endif
