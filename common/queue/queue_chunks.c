/* Arguments and reply of chunks.lua. */
#include "queue/queue_chunks.h"

#include "queue/queue_args.h"

enum { FIELD_JOB, FIELD_VERSION, FIELD_FIRST, FIELD_STORED, FIELD_CHUNKS };

void queue_chunks(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                  const struct chunks_request *request, store_fn fn)
{
    const struct slice argv[] = {id,
                                 request->watcher,
                                 request->rate.bucket,
                                 NUMBER(request->rate.limit),
                                 NUMBER(request->attempt),
                                 NUMBER(request->first),
                                 NUMBER((int64_t)request->bytes_max),
                                 request->version};
    store_eval(store, call, SCRIPT_CHUNKS, ep, argv, COUNT_OF(argv), fn);
}

enum err queue_chunks_result(const struct reply *reply, struct slice id,
                             struct chunks_page *ret_page)
{
    if (reply_is_nil(reply)) {
        return ERR_NOT_FOUND;
    }
    if (queue_limited_ms(reply) > 0) {
        return ERR_LIMITED;
    }
    struct chunks_page page = {.reply = reply};
    if (reply_count(reply) < FIELD_CHUNKS ||
        queue_read_result(reply_at(reply, FIELD_JOB), id, &page.job) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    page.version = reply_slice(reply_at(reply, FIELD_VERSION));
    page.first = reply_int(reply_at(reply, FIELD_FIRST), 0);
    page.stored = reply_int(reply_at(reply, FIELD_STORED), 0);
    page.count = reply_count(reply) - FIELD_CHUNKS;
    *ret_page = page;
    return ERR_OK;
}

struct slice chunks_page_at(const struct chunks_page *page, size_t index)
{
    return reply_slice(reply_at(page->reply, FIELD_CHUNKS + index));
}
