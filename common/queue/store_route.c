/* Lanes by node, batches by slot.
 *
 * There is one lane for each master that is needed, and a second, durable one for calls that wait
 * for a replica. When the nodes change (fail-over, slots that moved, a new master behind the
 * sentinels) the lanes follow at the end of the turn: what waits goes to the node that has its slot
 * now, in order; what is on its way to a node that lost the slot is answered, or comes back, before
 * anything younger of that slot is sent (store_stall.c); a lane to a node that is no master any
 * more is closed when it has nothing on its way, at the latest after LEAVE_MS. Behind sentinels
 * that is at once: what the old master may still take is lost in any case, what it does not answer
 * must be repeated. */
#include <hiredis/hiredis.h>

#include "queue/store_core.h"

#define LEAVE_MS 1000

static void on_ready(struct lane *lane);
static void on_lost(struct lane *lane);
static void on_failed(struct lane *lane);
static bool on_refused(struct lane *lane, struct store_batch *batch, const char *error);
static void on_probed(struct lane *lane, struct store_batch *batch);

static const struct lane_owner owner = {on_ready, on_lost, on_failed, on_refused, on_probed};

/* ---- lanes ---- */

static struct lane *lane_find(struct store *store, const struct store_address *address,
                              bool is_durable)
{
    list_each (at, &store->lanes) {
        struct lane *lane = container_of(at, struct lane, link);
        if (lane->is_durable == is_durable && store_address_eq(&lane->address, address)) {
            return lane;
        }
    }
    return NULL;
}

static struct lane *lane_get(struct store *store, const struct store_address *address,
                             bool is_durable)
{
    struct lane *lane = lane_find(store, address, is_durable);
    if (lane != NULL) {
        lane->is_leaving = false;
        return lane;
    }
    const struct store_url *url = nodes_url(store->nodes);
    lane =
        lane_new(&(struct lane_config){.store = store,
                                       .wire = {.loop = store->loop,
                                                .url = url,
                                                .tls = nodes_tls(store->nodes),
                                                .peer = url->kind == STORE_SENTINEL ? LINK_MASTER
                                                                                    : LINK_REDIS},
                                       .address = address,
                                       .sha = store->sha,
                                       .wait_ms = store->config.wait_ms,
                                       .reply_ms = store->config.reply_ms,
                                       .is_durable = is_durable},
                 &owner);
    list_push(&store->lanes, &lane->link);
    if (url->kind == STORE_SINGLE && !is_durable) {
        store->only = lane;
    }
    return lane;
}

static void on_ready(struct lane *lane)
{
    if (!lane->is_durable) {
        store_changed(lane->store, true);
    }
}

static void on_failed(struct lane *lane)
{
    struct store *store = lane->store;
    (void)snprintf(store->trouble, sizeof(store->trouble), "%s: %s", lane->name,
                   store_link_problem(lane->wire));
    nodes_doubt(store->nodes);
}

static void on_lost(struct lane *lane)
{
    on_failed(lane);
    if (!lane->is_durable) {
        store_changed(lane->store, false);
    }
}

/* ---- batches ---- */

void store_route(struct store *store, struct store_batch *batch)
{
    if (batch->only == NULL && stall_takes(store, batch)) {
        return;
    }
    if (store->only != NULL && !batch->is_durable) {
        batch_insert(&store->only->waiting, batch);
        return;
    }
    const struct store_address *address =
        batch->only != NULL ? batch->only : nodes_of_slot(store->nodes, batch->slot);
    batch_insert(address != NULL ? &lane_get(store, address, batch->is_durable)->waiting
                                 : &store->homeless,
                 batch);
}

/* Redis refused to run it, and not because of what it says: it waits for its slot. */
static bool on_refused(struct lane *lane, struct store_batch *batch, const char *error)
{
    static const struct {
        const char *code;
        bool is_single, is_replicated, is_cluster; /* where it is met and passes */
    } passing[] = {
        {"MOVED ", false, false, true},    {"ASK ", false, false, true},
        {"TRYAGAIN ", false, false, true}, {"CLUSTERDOWN ", false, false, true},
        {"LOADING ", true, true, true},    {"MASTERDOWN ", false, true, true},
        {"READONLY ", false, true, true},  {"UNBLOCKED ", false, true, true},
        {"-READONLY ", false, true, true}, /* in the text of Redis 6: a script's first write */
    };
    struct store *store = lane->store;
    enum store_kind kind = nodes_url(store->nodes)->kind;
    size_t i = 0;
    while (i < COUNT_OF(passing) &&
           !(passing[i].code[0] == '-'
                 ? strstr(error, passing[i].code) != NULL
                 : strncmp(error, passing[i].code, strlen(passing[i].code)) == 0)) {
        i++;
    }
    bool passes = i < COUNT_OF(passing) && batch->only == NULL &&
                  (kind == STORE_SINGLE     ? passing[i].is_single
                   : kind == STORE_SENTINEL ? passing[i].is_replicated
                                            : passing[i].is_cluster);
    if (!passes) {
        return false;
    }
    int slot = 0;
    struct store_address address;
    bool is_moved = slot_moved_read(error, &lane->address, &slot, &address) == ERR_OK;
    if (is_moved) {
        nodes_moved(store->nodes, slot, &address);
    }
    (void)snprintf(store->refusal, sizeof(store->refusal), "%s", error);
    nodes_doubt(store->nodes);
    stall_again(store, batch, is_moved ? 0 : STALL_FIRST_MS);
    store_arm(store);
    return true;
}

static void on_probed(struct lane *lane, struct store_batch *batch)
{
    stall_probed(lane->store, batch);
}

/* ---- following the nodes ---- */

/* Batches that wait for a node that is not, or no longer, theirs. */
static void take_strangers(struct store *store, const struct store_address *here,
                           struct list *waiting, struct list *ret_strangers)
{
    list_each_safe (at, waiting) {
        struct store_batch *batch = container_of(at, struct store_batch, link);
        const struct store_address *there =
            batch->only != NULL ? batch->only : nodes_of_slot(store->nodes, batch->slot);
        bool is_same = (here == NULL && there == NULL) ||
                       (here != NULL && there != NULL && store_address_eq(here, there));
        if (!is_same) {
            batch_insert(ret_strangers, batch);
        }
    }
}

static bool is_master(const struct store *store, const struct store_address *address)
{
    for (size_t i = 0; i < nodes_count(store->nodes); i++) {
        if (store_address_eq(nodes_at(store->nodes, i), address)) {
            return true;
        }
    }
    return false;
}

/* Slots that left this node while something of theirs is on its way here: younger ones wait. */
static void guard_order(struct store *store, const struct lane *lane)
{
    list_each (at, &lane->sent) {
        const struct store_batch *batch = container_of(at, struct store_batch, link);
        const struct store_address *there = nodes_of_slot(store->nodes, batch->slot);
        if (batch_has_slot(batch) && (there == NULL || !store_address_eq(&lane->address, there))) {
            stall_begin(store, batch->slot, 0);
        }
    }
}

static void mark_leaving(struct store *store, struct lane *lane)
{
    bool is_gone = !is_master(store, &lane->address);
    if (is_gone && !lane->is_leaving) {
        bool is_cluster = nodes_url(store->nodes)->kind == STORE_CLUSTER;
        lane->leaves_ms = loop_now_ms(store->loop) + (is_cluster ? LEAVE_MS : 0);
    }
    lane->is_leaving = is_gone;
}

static void close_left(struct store *store)
{
    struct list rest;
    if (store->only != NULL) {
        return; /* a single Redis stays */
    }
    list_init(&rest);
    uint64_t now_ms = loop_now_ms(store->loop);
    list_each_safe (at, &store->lanes) {
        struct lane *lane = container_of(at, struct lane, link);
        if (lane->is_leaving && (lane_is_empty(lane) || lane->leaves_ms <= now_ms)) {
            bool was_ready = lane_is_ready(lane) && !lane->is_durable;
            lane_close(lane, ERR_STORE_LOST, &rest);
            if (was_ready) {
                store_changed(store, false);
            }
        }
    }
    while (!list_is_empty(&rest)) {
        struct store_batch *batch = batch_first(&rest);
        list_unlink(&batch->link);
        if (batch->only != NULL) {
            batch_end(batch, ERR_STORE_AWAY, NULL);
        } else {
            store_route(store, batch);
        }
    }
}

/* Connections that are needed at once; a store beside another one opens them as calls come. */
static void connect_all(struct store *store)
{
    for (size_t i = 0; store->config.beside == NULL && i < nodes_count(store->nodes); i++) {
        (void)lane_get(store, nodes_at(store->nodes, i), false);
    }
}

void store_remap(struct store *store)
{
    struct list strangers;
    list_init(&strangers);
    store->is_remapped = false;
    take_strangers(store, NULL, &store->homeless, &strangers);
    list_each (at, &store->lanes) {
        struct lane *lane = container_of(at, struct lane, link);
        mark_leaving(store, lane);
        if (lane->feeding == NULL) {
            take_strangers(store, &lane->address, &lane->waiting, &strangers);
        }
        guard_order(store, lane);
    }
    while (!list_is_empty(&strangers)) {
        struct store_batch *batch = batch_first(&strangers);
        list_unlink(&batch->link);
        store_route(store, batch);
    }
    connect_all(store);
    store_arm(store);
}

void store_send_all(struct store *store)
{
    close_left(store);
    list_each (at, &store->lanes) {
        lane_send(container_of(at, struct lane, link));
    }
}

static void check_homeless(struct store *store, uint64_t now_ms)
{
    while (!list_is_empty(&store->homeless)) {
        struct store_batch *batch = batch_first(&store->homeless);
        if (now_ms - batch->created_ms <= store->config.wait_ms) {
            break;
        }
        if (batch->is_probe) {
            stall_probed(store, batch);
        }
        batch_end(batch, ERR_STORE_AWAY, NULL);
    }
}

void store_check_waiting(struct store *store)
{
    uint64_t now_ms = loop_now_ms(store->loop);
    list_each_safe (at, &store->lanes) {
        lane_check(container_of(at, struct lane, link), now_ms);
    }
    stall_check(store, now_ms);
    check_homeless(store, now_ms);
}

bool store_is_idle(const struct store *store)
{
    list_each (at, &store->lanes) {
        const struct lane *lane = container_of(at, struct lane, link);
        if (!lane_is_empty(lane) || lane->is_leaving) {
            return false;
        }
    }
    return list_is_empty(&store->stalls) && list_is_empty(&store->homeless);
}

void store_close_lanes(struct store *store)
{
    struct list rest;
    list_init(&rest);
    while (!list_is_empty(&store->lanes)) {
        lane_close(container_of(store->lanes.next, struct lane, link), ERR_CLOSING, &rest);
    }
    stall_close_all(store, &rest);
    list_splice(&rest, &store->homeless);
    while (!list_is_empty(&rest)) {
        batch_end(batch_first(&rest), ERR_CLOSING, NULL);
    }
}
