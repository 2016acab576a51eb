/* Text that agents wrote into Redis, read with suspicion. Pure. */
#ifndef SCHEDULER_DECODE_H
#define SCHEDULER_DECODE_H

#include "base/slice.h"

#define SLOTS_MAX 1024 /* of one agent; larger claims count as that */
#define GPUS_MAX 64
#define CACHE_MAX 64

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
    bool is_slice;           /* a part of a card: a process can use one only */
};

struct agent_value {
    int64_t slots;         /* 0..SLOTS_MAX */
    struct slice endpoint; /* of a pod: the one it serves; part of the text */
    bool is_pod;     /* it serves one container of a Kubernetes pod; its id is the pod's name */
    bool is_drained; /* and was told to take no more, and holds nothing */
    struct gpu_value gpus[GPUS_MAX];
    size_t gpu_count;              /* without those that are out of the pool */
    struct slice labels;           /* a JSON object, parts of the text; empty when there is none */
    struct slice cache[CACHE_MAX]; /* "KIND:NAME", parts of the text */
    size_t cache_count;
};

/* {"slots":N,"gpus":[...],"labels":{...},"cache":[...],...}: what is missing is 0. */
enum err decode_agent(struct slice text, struct agent_value *ret_agent);
bool agent_has_label(const struct agent_value *agent, const char *key, const char *value);
/* How much of what the endpoint's handler needs to start is at hand there: 0 nothing, more is
 * better. image: NULL without one. */
int agent_warmth(const struct agent_value *agent, struct slice endpoint, int64_t release,
                 const char *image);

/* "mr:{ID}:" as the scripts publish it; empty when it is not one. */
struct slice decode_prefix(struct slice text);

#endif
