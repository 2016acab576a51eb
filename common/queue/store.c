/* Calls to Redis: gather what one turn of the loop brings, and send it at its end.
 *
 * The parts, from a call to the wire:
 *   store.c         calls of one turn, script and endpoint join one batch
 *   store_batch.c   a batch: what travels as one command; which may be joined, repeated, divided
 *   store_route.c   which lane: by the hash slot of the key; follows the nodes
 *   store_stall.c   slots that are on the move, and how calls wait for them
 *   store_lane.c    one node: what waits, what is on its way, replies
 *   store_link.c    one connection; store_tls.c; store_objects.c: the memory of its replies
 *   store_nodes.c   who is a master now: store_sentinel.c, store_cluster.c, store_slots.c
 *
 * A batch that has waited wait_ms for a connection ends with ERR_STORE_AWAY. */
#include "queue/store.h"

#include <hiredis/hiredis.h>

#include "base/digest.h"
#include "base/log.h"
#include "queue/store_core.h"
#include "queue/store_tls.h"

#define WAIT_MS_DEFAULT 10000
#define REPLY_MS_DEFAULT 10000
#define CHECK_MS 500
#define JOIN_ITEMS_MAX 64
#define JOIN_BYTES_MAX (256 * 1024)
#define JOIN_LOOK_BACK 8 /* open batches compared with; more endpoints in one turn do not join */

/* Where keys of all endpoints are; calls without a key go to its node too. */
static const struct slice system_key = {"{sys}", 5};

/* ---- the turn ---- */

static void on_timer(struct timer *timer)
{
    struct store *store = container_of(timer, struct store, timer);
    store_check_waiting(store);
    store_arm(store);
}

void store_arm(struct store *store)
{
    if (!timer_is_running(&store->timer) && !store_is_idle(store)) {
        timer_start(store->loop, &store->timer, CHECK_MS, on_timer);
    }
}

static void on_turn_end(struct loop_hook *hook)
{
    struct store *store = container_of(hook, struct store, hook);
    while (list_pop(&store->open) != NULL) {
    }
    if (store->is_remapped) {
        store_remap(store);
    }
    store_send_all(store);
    store_arm(store);
}

static void on_nodes_changed(struct nodes_watch *watch)
{
    container_of(watch, struct store, watch)->is_remapped = true;
}

/* ---- what is known ---- */

enum err store_error_of(struct store *store, const redisReply *reply)
{
    static const char *const refusals[] = {"OOM ",        "MISCONF ",     "READONLY ",
                                           "NOREPLICAS ", "CLUSTERDOWN ", "MASTERDOWN "};
    (void)snprintf(store->refusal, sizeof(store->refusal), "%s", reply->str);
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        if (strstr(reply->str, refusals[i]) != NULL) {
            return ERR_STORE_REFUSED;
        }
    }
    log_error("store.error", "error=%s", log_quote(slice_of(reply->str)));
    return ERR_STORE_REPLY;
}

void store_changed(struct store *store, bool is_ready)
{
    if (is_ready) {
        store->refusal[0] = '\0';
    }
    if (store->config.on_change != NULL) {
        store->config.on_change(store->config.arg, is_ready);
    }
}

static struct lane *first_lane(const struct store *store, bool is_ready)
{
    list_each (at, &store->lanes) {
        struct lane *lane = container_of(at, struct lane, link);
        if (!lane->is_durable && !lane->is_leaving && lane_is_ready(lane) == is_ready) {
            return lane;
        }
    }
    return NULL;
}

bool store_is_ready(const struct store *store)
{
    return first_lane(store, true) != NULL;
}

const char *store_problem(const struct store *store)
{
    const struct lane *away = first_lane(store, false);
    if (nodes_count(store->nodes) == 0 || (away == NULL && !store_is_ready(store))) {
        return nodes_problem(store->nodes);
    }
    if (away != NULL) {
        return store->only != NULL ? store_link_problem(away->wire) : store->trouble;
    }
    return store->refusal[0] != '\0' ? store->refusal
                                     : store_link_problem(first_lane(store, true)->wire);
}

size_t store_node_count(const struct store *store)
{
    return nodes_count(store->nodes);
}

char *store_node_name(const struct store *store, size_t index)
{
    return store_address_text(nodes_at(store->nodes, index));
}

/* ---- public ---- */

enum err store_check_url(const char *url, struct buf *problem)
{
    AUTO(store_url_done) struct store_url parsed = {0};
    struct store_tls *tls = NULL;
    enum err err = store_url_parse(url, &parsed, problem);
    if (err == ERR_OK && parsed.is_tls) {
        err = store_tls_new(&parsed, &tls, problem);
        store_tls_free(tls);
    }
    return err;
}

struct store *store_new(struct loop *loop, const struct store_config *config)
{
    struct store *store = xcalloc(1, sizeof(*store));
    store->loop = loop;
    store->config = *config;
    store->config.wait_ms = config->wait_ms ? config->wait_ms : WAIT_MS_DEFAULT;
    store->config.reply_ms = config->reply_ms ? config->reply_ms : REPLY_MS_DEFAULT;
    store->batches = batch_spares();
    list_init(&store->lanes);
    list_init(&store->stalls);
    list_init(&store->homeless);
    list_init(&store->open);
    for (unsigned i = 0; i < SCRIPT_COUNT; i++) {
        ensure(scripts[i].text != NULL);
        digest_sha1_hex((struct slice){scripts[i].text, scripts[i].len}, store->sha[i]);
    }
    loop_hook_add(loop, &store->hook, on_turn_end);
    store->nodes =
        config->beside != NULL ? nodes_ref(config->beside->nodes) : nodes_new(loop, config->url);
    store->watch.on_change = on_nodes_changed;
    nodes_watch(store->nodes, &store->watch);
    store_remap(store);
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    loop_hook_remove(store->loop, &store->hook);
    nodes_unwatch(&store->watch);
    store_close_lanes(store);
    timer_stop(&store->timer);
    nodes_unref(store->nodes);
    spares_done(&store->batches);
    free(store);
}

struct nodes *store_nodes(struct store *store)
{
    return store->nodes;
}

static void call_start(struct store *store, struct store_call *call, store_fn fn)
{
    ensure(call->batch == NULL);
    call->fn = fn;
    call->store = store;
}

static struct store_batch *start_batch(struct store *store, enum script_id script)
{
    struct store_batch *batch = batch_new(&store->batches, script);
    batch->created_ms = loop_now_ms(store->loop);
    batch->seq = store->seq++;
    return batch;
}

void store_command(struct store *store, struct store_call *call, const struct slice *args,
                   size_t count, store_fn fn)
{
    call_start(store, call, fn);
    struct store_batch *batch = start_batch(store, NO_SCRIPT);
    batch->slot = nodes_slot(store->nodes, count > 1 ? args[1] : system_key);
    batch_add(batch, call, args, count);
    store_route(store, batch);
}

void store_command_at(struct store *store, size_t index, struct store_call *call,
                      const struct slice *args, size_t count, store_fn fn)
{
    call_start(store, call, fn);
    struct store_batch *batch = start_batch(store, NO_SCRIPT);
    batch->only = xmalloc(sizeof(*batch->only));
    *batch->only = *nodes_at(store->nodes, index);
    batch_add(batch, call, args, count);
    store_route(store, batch);
}

/* A large call goes alone, so that its memory is given back with it. */
static bool has_room(const struct store_batch *batch, size_t bytes)
{
    return batch->count < JOIN_ITEMS_MAX && batch->args.len < JOIN_BYTES_MAX &&
           bytes < JOIN_BYTES_MAX;
}

/* The newest of its kind, if it has room: older ones go before it. */
static struct store_batch *open_batch(struct store *store, enum script_id script, struct slice ep,
                                      bool is_durable, size_t bytes)
{
    size_t looked = 0;
    list_each (at, &store->open) {
        struct store_batch *batch = container_of(at, struct store_batch, open_link);
        struct slice prefix = slice_of(batch->prefix); /* "mr:{" ep "}:" */
        if (batch->script == script && batch->is_durable == is_durable &&
            prefix.len == ep.len + 6 && memcmp(prefix.ptr + 4, ep.ptr, ep.len) == 0) {
            return has_room(batch, bytes) ? batch : NULL;
        }
        if (++looked == JOIN_LOOK_BACK) {
            break;
        }
    }
    return NULL;
}

static size_t bytes_of(const struct slice *args, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += args[i].len;
    }
    return bytes;
}

static void eval(struct store_call *call, enum script_id script, struct slice ep,
                 const struct slice *args, size_t count, bool is_durable)
{
    struct store *store = call->store;
    ensure(script < SCRIPT_COUNT);
    struct store_batch *batch =
        batch_joins(script) ? open_batch(store, script, ep, is_durable, bytes_of(args, count))
                            : NULL;
    if (batch != NULL) {
        batch_add(batch, call, args, count);
        return;
    }
    batch = start_batch(store, script);
    batch->prefix = xasprintf("mr:{%.*s}:", SLICE_ARG(ep));
    batch->slot = nodes_slot(store->nodes, slice_of(batch->prefix));
    batch->is_durable = is_durable;
    batch_add(batch, call, args, count);
    if (batch_joins(script)) {
        list_push_front(&store->open, &batch->open_link);
    }
    store_route(store, batch);
}

void store_eval(struct store *store, struct store_call *call, enum script_id script,
                struct slice ep, const struct slice *args, size_t count, store_fn fn)
{
    call_start(store, call, fn);
    eval(call, script, ep, args, count, false);
}

void store_eval_durable(struct store *store, struct store_call *call, enum script_id script,
                        struct slice ep, const struct slice *args, size_t count, store_fn fn)
{
    ensure(batch_is_repeatable(&(struct store_batch){.script = script}));
    call_start(store, call, fn);
    eval(call, script, ep, args, count, true);
}

void store_detach(struct store_call *call)
{
    if (call->batch != NULL) {
        call->batch->items[call->index].call = NULL;
        call->batch = NULL;
    }
}

void store_withdraw(struct store_call *call)
{
    if (call->batch != NULL) {
        batch_withdraw(steal(call->batch), call->index);
    }
}

bool store_call_is_waiting(const struct store_call *call)
{
    return call->batch != NULL;
}
