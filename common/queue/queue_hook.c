/* The transitions of the webhook outbox: take, done, defer, read, again. */
#include "queue/queue_hook.h"

#include "queue/queue_args.h"

static const struct {
    const char *name, *letter;
} states[HOOK_STATE_COUNT] = {
    [HOOK_WAITING] = {"WAITING", ""},
    [HOOK_QUEUED] = {"QUEUED", "Q"},
    [HOOK_DELIVERED] = {"DELIVERED", "D"},
    [HOOK_GIVEN_UP] = {"GIVEN_UP", "G"},
};

const char *hook_state_name(enum hook_state state)
{
    ensure((unsigned)state < HOOK_STATE_COUNT);
    return states[state].name;
}

static enum hook_state state_of(struct slice letter)
{
    unsigned state = 0;
    while (state < HOOK_STATE_COUNT && !slice_is(letter, states[state].letter)) {
        state++;
    }
    return (enum hook_state)state;
}

void queue_hook_take(struct store *store, struct store_call *call, struct slice ep, size_t most,
                     size_t bytes_max, store_fn fn)
{
    const struct slice argv[] = {NUMBER((int64_t)most), NUMBER((int64_t)bytes_max),
                                 NUMBER(HOOK_LEASE_MS)};
    store_eval(store, call, SCRIPT_HOOK_TAKE, ep, argv, COUNT_OF(argv), fn);
}

enum err queue_hook_take_result(const struct reply *reply, int64_t *ret_next_ms, size_t *ret_count)
{
    size_t count = reply_count(reply);
    if (count < 1) {
        return ERR_STORE_REPLY;
    }
    *ret_next_ms = reply_int(reply_at(reply, 0), -1);
    *ret_count = count - 1;
    return ERR_OK;
}

/* name id url fence failed job, see hook_take.lua */
enum err queue_hook_at(const struct reply *reply, size_t index, struct hook *ret_hook)
{
    const struct reply *item = reply_at(reply, 1 + index);
    struct hook hook = {.name = reply_slice(reply_at(item, 0)),
                        .url = reply_slice(reply_at(item, 2)),
                        .fence = reply_int(reply_at(item, 3), 0),
                        .failed = reply_int(reply_at(item, 4), 0)};
    enum err err = queue_read_result(reply_at(item, 5), reply_slice(reply_at(item, 1)), &hook.job);
    if (err != ERR_OK || hook.name.len == 0 || hook.url.len == 0) {
        return ERR_STORE_REPLY;
    }
    *ret_hook = hook;
    return ERR_OK;
}

void queue_hook_done(struct store *store, struct store_call *call, struct slice ep,
                     const struct hook_try *attempt, store_fn fn)
{
    const struct slice argv[] = {
        attempt->name,    NUMBER(attempt->fence),    NUMBER(attempt->status),
        attempt->problem, NUMBER(attempt->delay_ms), NUMBER(attempt->limit_ms)};
    store_eval(store, call, SCRIPT_HOOK_DONE, ep, argv, COUNT_OF(argv), fn);
}

enum err queue_hook_done_result(const struct reply *reply, enum hook_state *ret_state)
{
    enum hook_state state = state_of(reply_slice(reply_at(reply, 0)));
    if (state == HOOK_STATE_COUNT) {
        return ERR_STORE_REPLY;
    }
    if (state == HOOK_WAITING) {
        return ERR_NOT_FOUND;
    }
    *ret_state = state;
    return ERR_OK;
}

void queue_hook_defer(struct store *store, struct store_call *call, struct slice ep,
                      struct slice name, int64_t fence, int64_t delay_ms, store_fn fn)
{
    const struct slice argv[] = {name, NUMBER(fence), NUMBER(delay_ms)};
    store_eval(store, call, SCRIPT_HOOK_DEFER, ep, argv, COUNT_OF(argv), fn);
}

void queue_hook_log(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                    enum hook_question question, store_fn fn)
{
    enum script_id script = question == HOOK_AGAIN ? SCRIPT_HOOK_AGAIN : SCRIPT_HOOK_READ;
    store_eval(store, call, script, ep, &id, 1, fn);
}

/* job state, state, tries, status, problem, last, next; see hook_read.lua */
enum err queue_hook_log_result(const struct reply *reply, struct hook_log *ret_log)
{
    if (reply_is_nil(reply)) {
        return ERR_NOT_FOUND;
    }
    struct hook_log log = {.has_webhook = reply_count(reply) > 1,
                           .state = state_of(reply_slice(reply_at(reply, 1))),
                           .tries = reply_int(reply_at(reply, 2), 0),
                           .status = reply_int(reply_at(reply, 3), 0),
                           .problem = reply_slice(reply_at(reply, 4)),
                           .last_ms = reply_int(reply_at(reply, 5), 0),
                           .next_ms = reply_int(reply_at(reply, 6), 0)};
    if (log.state == HOOK_STATE_COUNT ||
        job_state_from_letter(reply_slice(reply_at(reply, 0)), &log.job) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    *ret_log = log;
    return ERR_OK;
}
