/* Slots that cannot be used now: their calls wait, in order, and one of them finds out when.
 *
 * While Redis Cluster moves a slot, the keys of its endpoints lie on two nodes, some here, some
 * there. A transition needs all keys of its endpoint, so it must run on neither. KEYS[1] of every
 * script is "mr:{ep}:", a key that never exists; for a key that is not there a node that gives its
 * slot away answers ASK, before the script has begun, and the receiving node answers MOVED to all
 * who do not say ASKING. So nothing happens, whoever is asked, and the call waits here until the
 * slot has moved (or has come to rest where it was). What waits this way:
 *
 *   ASK, TRYAGAIN              the slot is on the move
 *   MOVED                      our map was old: at once again, to the right node
 *   CLUSTERDOWN, MASTERDOWN    nobody serves it now
 *   LOADING                    Redis has just started
 *   READONLY, UNBLOCKED        it was a master until now
 *
 * The first call of the slot is the probe: tried again after a pause that grows. The others, and
 * those that come meanwhile, follow when it was answered; so the order within an endpoint stays.
 * What another node still has on its way of the slot ends first. A call that was sent behind the
 * first refused one before the refusal was known may overtake it when the slot comes to rest in
 * just that moment: who needs an order waits for the answer, as everywhere. */
#include "base/log.h"
#include "queue/store_core.h"

#define BACKOFF_FIRST_MS STALL_FIRST_MS
#define BACKOFF_MAX_MS 250
/* Moving a slot takes as long as its keys are large: longer than an outage is worth waiting for. */
#define STALL_MS 30000

struct stall {
    struct list link; /* store.stalls */
    int slot;
    struct list batches;       /* batch.link, by seq */
    struct store_batch *probe; /* in a lane, or homeless; NULL: waits for due_ms */
    uint64_t due_ms;           /* 0: just made */
    uint64_t backoff_ms;
};

static void on_timer(struct timer *timer);

static struct stall *stall_of(struct store *store, int slot)
{
    list_each (at, &store->stalls) {
        struct stall *stall = container_of(at, struct stall, link);
        if (stall->slot == slot) {
            return stall;
        }
    }
    return NULL;
}

static void stall_free(struct stall *stall)
{
    ensure(list_is_empty(&stall->batches));
    list_unlink(&stall->link);
    free(stall);
}

/* The timer runs for the earliest. */
static void arm(struct store *store)
{
    uint64_t now_ms = loop_now_ms(store->loop), first_ms = UINT64_MAX;
    list_each (at, &store->stalls) {
        const struct stall *stall = container_of(at, struct stall, link);
        if (stall->probe == NULL && stall->due_ms < first_ms) {
            first_ms = stall->due_ms;
        }
    }
    if (first_ms != UINT64_MAX) {
        timer_start(store->loop, &store->stall_timer, first_ms > now_ms ? first_ms - now_ms : 0,
                    on_timer);
    }
}

/* What waits in a list for the slot waits in the stall from now on. */
static void collect(struct stall *stall, struct list *waiting)
{
    list_each_safe (at, waiting) {
        struct store_batch *batch = container_of(at, struct store_batch, link);
        if (batch->slot == stall->slot && batch->only == NULL) {
            stall->probe = batch == stall->probe ? NULL : stall->probe;
            batch->is_probe = false;
            batch_insert(&stall->batches, batch);
        }
    }
}

static struct stall *stall_get(struct store *store, int slot)
{
    struct stall *stall = stall_of(store, slot);
    if (stall == NULL) {
        stall = xcalloc(1, sizeof(*stall));
        stall->slot = slot;
        stall->backoff_ms = BACKOFF_FIRST_MS;
        list_init(&stall->batches);
        list_push(&store->stalls, &stall->link);
    }
    list_each (at, &store->lanes) {
        struct lane *lane = container_of(at, struct lane, link);
        if (lane->feeding == NULL || lane->feeding->slot != slot) {
            collect(stall, &lane->waiting);
        }
    }
    collect(stall, &store->homeless);
    return stall;
}

bool stall_takes(struct store *store, struct store_batch *batch)
{
    struct stall *stall = list_is_empty(&store->stalls) ? NULL : stall_of(store, batch->slot);
    if (stall == NULL || batch->is_probe) {
        return false;
    }
    batch_insert(&stall->batches, batch);
    return true;
}

void stall_begin(struct store *store, int slot, uint64_t delay_ms)
{
    struct stall *stall = stall_get(store, slot);
    stall->due_ms = loop_now_ms(store->loop) + delay_ms;
    arm(store);
}

void stall_again(struct store *store, struct store_batch *batch, uint64_t delay_ms)
{
    struct stall *stall = stall_get(store, batch->slot);
    uint64_t now_ms = loop_now_ms(store->loop);
    if (batch == stall->probe) {
        stall->probe = NULL;
        stall->due_ms = now_ms + stall->backoff_ms;
        stall->backoff_ms *= 2;
        stall->backoff_ms = stall->backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : stall->backoff_ms;
    } else if (stall->due_ms == 0) {
        stall->due_ms = now_ms + delay_ms;
    }
    batch->is_probe = false;
    batch_insert(&stall->batches, batch);
    arm(store);
}

/* Another node has something of the slot on its way: it answers, or the connection breaks. */
static bool is_elsewhere(const struct store *store, int slot)
{
    const struct store_address *owner = nodes_of_slot(store->nodes, slot);
    list_each (at, &store->lanes) {
        const struct lane *lane = container_of(at, struct lane, link);
        bool is_owner = owner != NULL && store_address_eq(&lane->address, owner);
        if (!is_owner && lane_has_sent_of(lane, slot)) {
            return true;
        }
    }
    return false;
}

static void stall_release(struct store *store, struct stall *stall)
{
    struct list batches;
    list_init(&batches);
    list_splice(&batches, &stall->batches);
    stall_free(stall);
    while (!list_is_empty(&batches)) {
        struct store_batch *batch = batch_first(&batches);
        list_unlink(&batch->link);
        store_route(store, batch);
    }
}

static void stall_try(struct store *store, struct stall *stall, uint64_t now_ms)
{
    if (is_elsewhere(store, stall->slot)) {
        stall->due_ms = now_ms + BACKOFF_FIRST_MS;
    } else if (list_is_empty(&stall->batches)) {
        stall_free(stall);
    } else {
        struct store_batch *probe = batch_first(&stall->batches);
        list_unlink(&probe->link);
        probe->is_probe = true;
        stall->probe = probe;
        store_route(store, probe);
    }
}

static void on_timer(struct timer *timer)
{
    struct store *store = container_of(timer, struct store, stall_timer);
    uint64_t now_ms = loop_now_ms(store->loop);
    list_each_safe (at, &store->stalls) {
        struct stall *stall = container_of(at, struct stall, link);
        if (stall->probe == NULL && stall->due_ms <= now_ms) {
            stall_try(store, stall, now_ms);
        }
    }
    arm(store);
}

void stall_probed(struct store *store, struct store_batch *probe)
{
    struct stall *stall = stall_of(store, probe->slot);
    if (stall != NULL && stall->probe == probe) {
        stall_release(store, stall);
    }
}

void stall_check(struct store *store, uint64_t now_ms)
{
    uint64_t most_ms = store->config.wait_ms > STALL_MS ? store->config.wait_ms : STALL_MS;
    struct list late;
    list_init(&late);
    list_each (at, &store->stalls) {
        struct stall *stall = container_of(at, struct stall, link);
        list_each_safe (one, &stall->batches) {
            struct store_batch *batch = container_of(one, struct store_batch, link);
            if (now_ms - batch->created_ms > most_ms) {
                list_unlink(&batch->link);
                list_push(&late, &batch->link);
            }
        }
    }
    while (!list_is_empty(&late)) {
        batch_end(batch_first(&late), ERR_STORE_AWAY, NULL);
    }
}

void stall_close_all(struct store *store, struct list *ret_rest)
{
    while (!list_is_empty(&store->stalls)) {
        struct stall *stall = container_of(store->stalls.next, struct stall, link);
        list_splice(ret_rest, &stall->batches);
        stall_free(stall);
    }
    timer_stop(&store->stall_timer);
}
