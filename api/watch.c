/* A map from job id to its waiters. */
#include "watch.h"

#include "base/digest.h"
#include "base/map.h"

struct watched {
    struct map_node node;
    struct list waiters; /* waiter.link */
    bool is_telling;     /* tell() walks over it and frees it afterwards when all have left */
    char id[];
};

struct watch {
    struct loop *loop;
    struct map jobs;
};

struct watch *watch_new(struct loop *loop)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));
    watch->loop = loop;
    map_init(&watch->jobs);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (watch != NULL) {
        ensure(watch->jobs.count == 0);
        map_done(&watch->jobs);
        free(watch);
    }
}

static struct watched *watched_get(struct watch *watch, struct slice id)
{
    struct map_node *node = map_get(&watch->jobs, id);
    if (node != NULL) {
        return container_of(node, struct watched, node);
    }
    struct watched *watched = xcalloc(1, sizeof(*watched) + id.len);
    memcpy(watched->id, id.ptr, id.len);
    list_init(&watched->waiters);
    map_put(&watch->jobs, &watched->node, (struct slice){watched->id, id.len});
    return watched;
}

static void on_check(struct timer *timer)
{
    struct waiter *waiter = container_of(timer, struct waiter, timer);
    timer_start(waiter->watch->loop, timer, WATCH_CHECK_MS, on_check);
    waiter->fn(waiter, SLICE_NONE);
}

void watch_join(struct watch *watch, struct waiter *waiter, struct slice id, waiter_fn fn)
{
    ensure(waiter->watched == NULL);
    waiter->watch = watch;
    waiter->fn = fn;
    waiter->watched = watched_get(watch, id);
    list_push(&waiter->watched->waiters, &waiter->link);
    timer_start(watch->loop, &waiter->timer, WATCH_CHECK_MS, on_check);
}

void watch_leave(struct waiter *waiter)
{
    struct watched *watched = waiter->watched;
    if (watched == NULL) {
        return;
    }
    waiter->watched = NULL;
    timer_stop(&waiter->timer);
    list_unlink(&waiter->link);
    if (list_is_empty(&watched->waiters) && !watched->is_telling) {
        map_del(&waiter->watch->jobs, &watched->node);
        free(watched);
    }
}

bool watch_is_waiting(const struct waiter *waiter)
{
    return waiter->watched != NULL;
}

void watch_token(struct waiter *waiter, struct slice token)
{
    size_t len = token.len < sizeof(waiter->token) ? token.len : 0;
    memcpy(waiter->token, token.ptr ? token.ptr : "", len);
    waiter->token[len] = '\0';
}

static bool is_believed(const struct waiter *waiter, const struct bus_frame *frame)
{
    return waiter->token[0] != '\0' && digest_eq(frame->token, slice_of(waiter->token));
}

static void tell_one(struct waiter *waiter, const struct bus_frame *frame)
{
    if (frame == NULL) {
        waiter->fn(waiter, SLICE_NONE);
    } else if (frame->kind != BUS_CHUNKS) {
        bool is_final = frame->kind == BUS_FINAL && is_believed(waiter, frame);
        waiter->fn(waiter, is_final ? frame->payload : SLICE_NONE);
    } else if (waiter->is_for_end) {
        return;
    } else if (waiter->on_chunks == NULL || frame->payload.len == 0) {
        waiter->fn(waiter, SLICE_NONE);
    } else if (is_believed(waiter, frame)) {
        waiter->on_chunks(waiter, frame->payload);
    }
}

/* Waiters leave and join from inside their callbacks, so the list is taken apart first. */
static void tell(struct watch *watch, struct watched *watched, const struct bus_frame *frame)
{
    struct list telling;
    list_init(&telling);
    list_splice(&telling, &watched->waiters);
    watched->is_telling = true;
    while (!list_is_empty(&telling)) {
        struct waiter *waiter = container_of(telling.next, struct waiter, link);
        list_unlink(&waiter->link);
        list_push(&watched->waiters, &waiter->link);
        tell_one(waiter, frame);
    }
    watched->is_telling = false;
    if (list_is_empty(&watched->waiters)) {
        map_del(&watch->jobs, &watched->node);
        free(watched);
    }
}

void watch_notify(struct watch *watch, const struct bus_frame *frame)
{
    struct map_node *node = map_get(&watch->jobs, frame->id);
    if (node != NULL) {
        tell(watch, container_of(node, struct watched, node), frame);
    }
}

void watch_stir(struct watch *watch)
{
    size_t left = watch->jobs.count;
    AUTO(free) void *memory = xcalloc(left, sizeof(struct watched *));
    struct watched **all = memory;
    size_t count = 0;
    struct map_node *node = NULL;
    while ((node = map_next(&watch->jobs, node)) != NULL) {
        all[count++] = container_of(node, struct watched, node);
    }
    for (size_t i = 0; i < count; i++) {
        tell(watch, all[i], NULL);
    }
}
