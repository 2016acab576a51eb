/* timer -> whose turn? -> ids of endpoints -> EXISTS of each outbox -> the same for deleted ones,
 * which leave their set when their outbox is empty. */
#include "hook_round.h"

#include <stdio.h>

#include "base/alloc.h"

#define ROUND_MS 5000

struct hook_round {
    struct loop *loop;
    struct store *store;
    const char *node_id;
    hook_round_fn fn;
    void *arg;
    struct list probes; /* probe.link */
    struct store_call call;
    struct timer timer;
    bool is_stopping;
};

/* A look whether an outbox is there at all. */
struct probe {
    struct list link;
    struct store_call call;
    struct hook_round *round;
    bool is_left; /* in the set of deleted endpoints, until its outbox is empty */
    char id[64];
};

static void on_unlisted(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)err; /* the next round tries again */
    (void)reply;
    struct probe *probe = container_of(call, struct probe, call);
    list_unlink(&probe->link);
    free(probe);
}

static void on_probed(struct store_call *call, enum err err, const struct reply *reply)
{
    struct probe *probe = container_of(call, struct probe, call);
    bool is_there = err == ERR_OK && reply_int(reply, 0) > 0;
    if (is_there) {
        probe->round->fn(slice_of(probe->id), probe->round->arg);
    }
    if (probe->is_left && err == ERR_OK && !is_there) {
        const struct slice argv[] = {SLICE("SREM"), SLICE("mr:{sys}:left"), slice_of(probe->id)};
        store_command(probe->round->store, &probe->call, argv, COUNT_OF(argv), on_unlisted);
        return;
    }
    list_unlink(&probe->link);
    free(probe);
}

static void probe_start(struct hook_round *round, struct slice id, bool is_left)
{
    struct probe *probe = xcalloc(1, sizeof(*probe));
    char key[96];
    probe->round = round;
    probe->is_left = is_left;
    (void)snprintf(probe->id, sizeof(probe->id), "%.*s", SLICE_ARG(id));
    (void)snprintf(key, sizeof(key), "mr:{%s}:hooks", probe->id);
    list_push(&round->probes, &probe->link);
    const struct slice argv[] = {SLICE("EXISTS"), slice_of(key)};
    store_command(round->store, &probe->call, argv, COUNT_OF(argv), on_probed);
}

static void probe_all(struct hook_round *round, const struct reply *ids, bool is_left)
{
    for (size_t i = 0; !round->is_stopping && i < reply_count(ids); i++) {
        probe_start(round, reply_slice(reply_at(ids, i)), is_left);
    }
}

static void on_left(struct store_call *call, enum err err, const struct reply *reply)
{
    if (err == ERR_OK) {
        probe_all(container_of(call, struct hook_round, call), reply, true);
    }
}

static void on_endpoints(struct store_call *call, enum err err, const struct reply *reply)
{
    struct hook_round *round = container_of(call, struct hook_round, call);
    if (err == ERR_OK && !round->is_stopping) {
        const struct slice argv[] = {SLICE("SMEMBERS"), SLICE("mr:{sys}:left")};
        probe_all(round, reply, false);
        store_command(round->store, &round->call, argv, COUNT_OF(argv), on_left);
    }
}

void hook_round_begin(struct hook_round *round)
{
    const struct slice argv[] = {SLICE("SMEMBERS"), SLICE("mr:{sys}:endpoints")};
    if (list_is_empty(&round->probes) && !store_call_is_waiting(&round->call)) {
        store_command(round->store, &round->call, argv, COUNT_OF(argv), on_endpoints);
    }
}

/* The lock is nil for all nodes but one in each ROUND_MS. */
static void on_lock(struct store_call *call, enum err err, const struct reply *reply)
{
    struct hook_round *round = container_of(call, struct hook_round, call);
    if (err == ERR_OK && !reply_is_nil(reply) && !round->is_stopping) {
        hook_round_begin(round);
    }
}

static void on_round(struct timer *timer)
{
    struct hook_round *round = container_of(timer, struct hook_round, timer);
    timer_start(round->loop, timer, ROUND_MS, on_round);
    if (!store_call_is_waiting(&round->call)) {
        const struct slice argv[] = {SLICE("SET"),
                                     SLICE("mr:{sys}:hooks"),
                                     slice_of(round->node_id),
                                     SLICE("NX"),
                                     SLICE("PX"),
                                     SLICE("4900")};
        store_command(round->store, &round->call, argv, COUNT_OF(argv), on_lock);
    }
}

struct hook_round *hook_round_new(struct loop *loop, struct store *store, const char *node_id,
                                  hook_round_fn fn, void *arg)
{
    struct hook_round *round = xcalloc(1, sizeof(*round));
    round->loop = loop;
    round->store = store;
    round->node_id = node_id;
    round->fn = fn;
    round->arg = arg;
    list_init(&round->probes);
    timer_start(loop, &round->timer, ROUND_MS, on_round);
    return round;
}

void hook_round_stop(struct hook_round *round)
{
    round->is_stopping = true;
    timer_stop(&round->timer);
}

void hook_round_free(struct hook_round *round)
{
    if (round == NULL) {
        return;
    }
    timer_stop(&round->timer);
    store_detach(&round->call);
    while (!list_is_empty(&round->probes)) {
        struct probe *probe = container_of(list_pop(&round->probes), struct probe, link);
        store_detach(&probe->call);
        free(probe);
    }
    free(round);
}
