/* POST purge-queue: cancels what waits, page by page, so that a long queue stops nobody else.
 * page -> tell the watchers -> next page ... -> answer */
#include "ops/ops.h"

#define PURGE_PAGE 500

static void purge_page(struct op *op, int64_t before_seq, const struct rate *rate);
static void purge_paged(struct store_call *call, enum err err, const struct reply *reply);

void purge_start(struct op *op)
{
    const struct rate rate = op_rate(op);
    purge_page(op, -1, &rate);
}

static void purge_page(struct op *op, int64_t before_seq, const struct rate *rate)
{
    queue_purge(op->node->store, &op->call, op_ep(op), PURGE_PAGE, before_seq, rate, purge_paged);
}

static void purge_announce(struct op *op, const struct reply *reply, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct job_change change;
        queue_purge_watched(reply, i, &change);
        const struct bus_frame frame = {
            .kind = BUS_LOOK, .ep = op_ep(op), .id = change.id, .token = change.token};
        bus_publish(op->node->bus, change.watchers, &frame);
    }
}

static void purge_paged(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct purge_page page;
    if (op_is_limited(op, err, reply)) {
        return;
    }
    if (err == ERR_OK) {
        err = queue_purge_result(reply, &page);
    }
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    op->removed += page.removed;
    purge_announce(op, reply, page.watched_count);
    if (page.has_more) {
        purge_page(op, page.last_seq, RATE_NONE);
        return;
    }
    AUTO(buf_done) struct buf body = BUF_INIT;
    (void)buf_printf(&body, "{\"removed\":%lld,\"status\":\"completed\"}", (long long)op->removed);
    op_reply_json(op, 200, buf_slice(&body));
}
