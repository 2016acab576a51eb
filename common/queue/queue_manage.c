/* Arguments of the scripts of management, and what they answer. */
#include "queue/queue_manage.h"

#include "queue/queue_args.h"

void queue_create(struct store *store, struct store_call *call, struct slice ep,
                  struct slice document, store_fn fn)
{
    const struct slice argv[] = {document, SLICE("0"), SLICE("")};
    store_eval(store, call, SCRIPT_CONFIGURE, ep, argv, COUNT_OF(argv), fn);
}

void queue_replace(struct store *store, struct store_call *call, struct slice ep, int64_t version,
                   struct slice document, store_fn fn)
{
    const struct slice argv[] = {document, SLICE("1"), NUMBER(version)};
    store_eval(store, call, SCRIPT_CONFIGURE, ep, argv, COUNT_OF(argv), fn);
}

void queue_delete(struct store *store, struct store_call *call, struct slice ep, store_fn fn)
{
    const struct slice argv[] = {SLICE(""), SLICE("1"), SLICE("")};
    store_eval(store, call, SCRIPT_CONFIGURE, ep, argv, COUNT_OF(argv), fn);
}

void queue_describe(struct store *store, struct store_call *call, struct slice ep,
                    enum describe_what what, store_fn fn)
{
    const struct slice argv[] = {what == DESCRIBE_WORKERS ? SLICE("1") : SLICE("0")};
    store_eval(store, call, SCRIPT_DESCRIBE, ep, argv, COUNT_OF(argv), fn);
}

enum err queue_describe_result(const struct reply *reply, struct endpoint_view *ret_view)
{
    size_t count = reply_count(reply);
    struct slice document = reply_slice(reply_at(reply, 0));
    if (count < 2) {
        return ERR_STORE_REPLY;
    }
    if (document.len == 0) {
        return ERR_NOT_FOUND;
    }
    *ret_view = (struct endpoint_view){.document = document,
                                       .version = reply_int(reply_at(reply, 1), 0),
                                       .reply = reply,
                                       .worker_count = (count - 2) / 2};
    return ERR_OK;
}

/* "state held since version agent", see report.lua */
void endpoint_view_worker(const struct endpoint_view *view, size_t index,
                          struct worker_view *ret_worker)
{
    ensure(index < view->worker_count);
    struct slice value = reply_slice(reply_at(view->reply, 3 + 2 * index));
    struct worker_view worker = {.id = reply_slice(reply_at(view->reply, 2 + 2 * index))};
    worker.state = slice_cut(&value, ' ');
    worker.held = slice_to_i64_or(slice_cut(&value, ' '), 0);
    worker.since_ms = slice_to_i64_or(slice_cut(&value, ' '), 0);
    worker.version = slice_to_i64_or(slice_cut(&value, ' '), 0);
    worker.agent = slice_cut(&value, ' ');
    *ret_worker = worker;
}

void queue_agents(struct store *store, struct store_call *call, store_fn fn)
{
    store_eval(store, call, SCRIPT_AGENTS, SLICE("sys"), NULL, 0, fn);
}

enum err queue_agents_result(const struct reply *reply, struct agents_view *ret_view)
{
    size_t count = reply_count(reply);
    if (count == 0 || count % 3 != 1) {
        return ERR_STORE_REPLY;
    }
    *ret_view = (struct agents_view){reply_int(reply_at(reply, 0), 0), reply, count / 3};
    return ERR_OK;
}

void agents_view_at(const struct agents_view *view, size_t index, struct agent_view *ret_agent)
{
    ensure(index < view->count);
    const struct reply *reply = view->reply;
    *ret_agent = (struct agent_view){.id = reply_slice(reply_at(reply, 1 + 3 * index)),
                                     .beat_ms = reply_int(reply_at(reply, 2 + 3 * index), 0),
                                     .description = reply_slice(reply_at(reply, 3 + 3 * index))};
    ret_agent->is_live = view->now_ms - ret_agent->beat_ms <= AGENT_LOST_MS;
}

void queue_dissolve(struct store *store, struct store_call *call, struct slice ep, int64_t most,
                    store_fn fn)
{
    const struct slice argv[] = {NUMBER(most)};
    store_eval(store, call, SCRIPT_DISSOLVE, ep, argv, COUNT_OF(argv), fn);
}

enum err queue_dissolve_result(const struct reply *reply, struct dissolve_page *ret_page)
{
    size_t count = reply_count(reply);
    if (count == 0) {
        return ERR_STORE_REPLY;
    }
    *ret_page = (struct dissolve_page){.has_more = reply_int(reply_at(reply, 0), 0) != 0,
                                       .watched_count = (count - 1) / 3};
    return ERR_OK;
}

void queue_dissolve_watched(const struct reply *reply, size_t index, struct job_change *ret_change)
{
    *ret_change = (struct job_change){.id = reply_slice(reply_at(reply, 1 + 3 * index)),
                                      .watchers = reply_slice(reply_at(reply, 2 + 3 * index)),
                                      .token = reply_slice(reply_at(reply, 3 + 3 * index)),
                                      .state = JOB_CANCELLED};
}

void queue_grant(struct store *store, struct store_call *call, struct slice id, struct slice digest,
                 struct slice record, store_fn fn)
{
    const struct slice argv[] = {id, digest, record};
    store_eval(store, call, SCRIPT_GRANT, SLICE("sys"), argv, COUNT_OF(argv), fn);
}

void queue_revoke(struct store *store, struct store_call *call, struct slice id, store_fn fn)
{
    store_eval(store, call, SCRIPT_REVOKE, SLICE("sys"), &id, 1, fn);
}
