/* GET|POST status: one glance, or one read where requests are counted. GET|POST status-sync: one
 * read after the other until the end. */
#include "ops/await.h"
#include "ops/ops.h"
#include "queue/glance.h"

static void status_read(struct store_call *call, enum err err, const struct reply *reply);
static void status_glanced(void *arg, enum err err, const struct job_view *job);

static void status_look(struct op *op)
{
    const struct rate rate = op_rate(op);
    if (rate.bucket.len > 0) {
        queue_read(op->node->store, &op->call, op_ep(op), op_id(op), SLICE(""), &rate, status_read);
    } else {
        op->glance = glance_new(&(struct glance_config){.store = op->node->store,
                                                        .spares = &op->node->glances,
                                                        .shared = &op->entry->glances,
                                                        .ep = op_ep(op),
                                                        .id = op_id(op),
                                                        .fn = status_glanced,
                                                        .arg = op});
    }
}

/* ?ttl=ms: how much longer the record shall be kept; what is no positive number is ignored. */
static int64_t wanted_ttl_ms(const struct op *op)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    return http_query(op->request->query, "ttl", &text) ? slice_to_i64_or(buf_slice(&text), 0) : 0;
}

static void status_expired(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)err; /* a failure shows in the reading that follows */
    (void)reply;
    struct op *op = container_of(call, struct op, call);
    status_look(op);
}

void status_start(struct op *op)
{
    int64_t ttl_ms = wanted_ttl_ms(op);
    if (ttl_ms > 0) {
        queue_expire(op->node->store, &op->call, op_ep(op), op_id(op), ttl_ms, status_expired);
        return;
    }
    status_look(op);
}

static void status_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct job_view job;
    if (op_read_job(op, err, reply, &job)) {
        op_reply_job(op, &job);
    }
}

static void status_glanced(void *arg, enum err err, const struct job_view *job)
{
    struct op *op = arg;
    if (!op_has_failed(op, err)) {
        op_reply_job(op, job);
    }
}

void status_sync_start(struct op *op)
{
    await_begin(op);
    const struct rate rate = op_rate(op);
    await_look(op, &rate);
}
