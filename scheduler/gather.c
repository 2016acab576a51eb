/* Many calls, one continuation.
 *
 * Each call is a small heap object in a list; an answer takes its object out, and the one that
 * empties the list after gather_end() continues. An object that stands for the round itself is in
 * the list from begin to end, so that the list cannot run empty while calls are still being added.
 *
 * Failure: answers never hang, because the store ends every call within its own limits. What must
 * never happen: a continuation while a call may still write to its target. */
#include "gather.h"

#include <stdio.h>

#include "base/log.h"

#define COMMAND_MAX 512 /* longest command: two ids of at most 128 bytes and a few words */
#define WORDS_MAX 24

struct gather_call {
    struct store_call call;
    struct gather *gather;
    gather_fn fn;
    void *target;
    struct list link; /* gather.calls */
};

static void continue_when_complete(struct gather *gather);

void gather_init(struct gather *gather, struct store *store)
{
    *gather = (struct gather){.store = store};
    list_init(&gather->calls);
}

void gather_done(struct gather *gather)
{
    if (gather->store == NULL) {
        return;
    }
    struct list *link;
    while ((link = list_pop(&gather->calls)) != NULL) {
        struct gather_call *call = container_of(link, struct gather_call, link);
        store_detach(&call->call);
        free(call);
    }
}

void gather_begin(struct gather *gather, gather_then_fn then)
{
    ensure(!gather_is_busy(gather));
    gather->then = then;
    gather->err = ERR_OK;
    (void)gather_add(gather, NULL, NULL); /* the round itself; gather_end() takes it out */
}

struct store_call *gather_add(struct gather *gather, gather_fn fn, void *target)
{
    struct gather_call *call = xcalloc(1, sizeof(*call));
    call->gather = gather;
    call->fn = fn;
    call->target = target;
    list_push(&gather->calls, &call->link);
    return &call->call;
}

void gather_read(struct gather *gather, gather_fn fn, void *target, const char *format, ...)
{
    char text[COMMAND_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ensure(len > 0 && (size_t)len < sizeof(text));
    struct slice rest = {text, (size_t)len};
    struct slice words[WORDS_MAX];
    size_t count = 0;
    while (rest.len > 0) {
        ensure(count < COUNT_OF(words));
        words[count++] = slice_cut(&rest, ' ');
    }
    store_command(gather->store, gather_add(gather, fn, target), words, count, gather_arrived);
}

void gather_end(struct gather *gather)
{
    struct gather_call *round = container_of(list_pop(&gather->calls), struct gather_call, link);
    ensure(round->fn == NULL && !store_call_is_waiting(&round->call));
    free(round);
    continue_when_complete(gather);
}

static bool is_outage(enum err err)
{
    return err == ERR_STORE_AWAY || err == ERR_STORE_LOST || err == ERR_CLOSING;
}

void gather_arrived(struct store_call *store_call, enum err err, const struct reply *reply)
{
    struct gather_call *call = container_of(store_call, struct gather_call, call);
    struct gather *gather = call->gather;
    if (is_outage(err)) {
        gather->err = err;
    } else if (err != ERR_OK) {
        log_debug("gather.refused", "err=%s", err_name(err));
    }
    if (call->fn != NULL) {
        call->fn(call->target, err == ERR_OK ? reply : NULL);
    }
    list_unlink(&call->link);
    free(call);
    continue_when_complete(gather);
}

static void continue_when_complete(struct gather *gather)
{
    if (list_is_empty(&gather->calls)) {
        gather->then(gather);
    }
}

bool gather_is_busy(const struct gather *gather)
{
    return !list_is_empty(&gather->calls);
}
