/* The scheduler's transitions: sweep, lead, assign; and the list of changes a sweep returns. */
#include "queue/queue.h"
#include "queue/queue_args.h"

#define CHANGE_FIELDS 4

void queue_sweep(struct store *store, struct store_call *call, struct slice ep,
                 const struct sweep_args *args, store_fn fn)
{
    const struct slice argv[] = {NUMBER(args->most), NUMBER(args->retries_max),
                                 NUMBER(args->term.from_ms), NUMBER(args->term.until_ms)};
    store_eval(store, call, SCRIPT_SWEEP, ep, argv, COUNT_OF(argv), fn);
}

size_t queue_change_count(const struct reply *reply, size_t skip)
{
    size_t count = reply_count(reply);
    return count > skip ? (count - skip) / CHANGE_FIELDS : 0;
}

enum err queue_change_at(const struct reply *reply, size_t skip, size_t index,
                         struct job_change *ret_change)
{
    size_t base = skip + index * CHANGE_FIELDS;
    struct job_change change = {.id = reply_slice(reply_at(reply, base)),
                                .watchers = reply_slice(reply_at(reply, base + 2)),
                                .token = reply_slice(reply_at(reply, base + 3))};
    if (change.id.len == 0 ||
        job_state_from_letter(reply_slice(reply_at(reply, base + 1)), &change.state) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    *ret_change = change;
    return ERR_OK;
}

void queue_lead(struct store *store, struct store_call *call, struct slice scheduler,
                int64_t lock_ms, int64_t epoch, store_fn fn)
{
    const struct slice argv[] = {scheduler, NUMBER(lock_ms), NUMBER(epoch), NUMBER(REDIS_AWAY_MS),
                                 NUMBER(LEASE_HOLD_MS)};
    store_eval(store, call, SCRIPT_LEAD, SLICE("sys"), argv, COUNT_OF(argv), fn);
}

enum err queue_lead_result(const struct reply *reply, int64_t *ret_epoch,
                           struct lease_term *ret_term)
{
    if (reply_count(reply) < 3) {
        return ERR_STORE_REPLY;
    }
    *ret_epoch = reply_int(reply_at(reply, 0), 0);
    *ret_term =
        (struct lease_term){reply_int(reply_at(reply, 1), 0), reply_int(reply_at(reply, 2), 0)};
    return ERR_OK;
}

void queue_assign(struct store *store, struct store_call *call, int64_t epoch, struct slice agent,
                  const struct slice *pairs, size_t count, store_fn fn)
{
    struct slice *argv = xcalloc(count + 2, sizeof(*argv));
    argv[0] = NUMBER(epoch);
    argv[1] = agent;
    for (size_t i = 0; i < count; i++) {
        argv[i + 2] = pairs[i];
    }
    store_eval(store, call, SCRIPT_ASSIGN, SLICE("sys"), argv, count + 2, fn);
    free(argv);
}

void queue_balance(struct store *store, struct store_call *call, struct slice ep, struct slice node,
                   int64_t waiting, int64_t running, int64_t believe_ms, store_fn fn)
{
    const struct slice argv[] = {node, NUMBER(waiting), NUMBER(running), NUMBER(believe_ms)};
    store_eval(store, call, SCRIPT_BALANCE, ep, argv, COUNT_OF(argv), fn);
}
