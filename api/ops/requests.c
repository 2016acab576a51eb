/* GET requests: the latest jobs of the endpoint, newest first, without their outputs. */
#include "ops/ops.h"

static void requests_read(struct store_call *call, enum err err, const struct reply *reply);

void requests_start(struct op *op)
{
    const struct rate rate = op_rate(op);
    queue_recent(op->node->store, &op->call, op_ep(op), &rate, requests_read);
}

/* The job object with one more member. */
static void put_request(struct buf *out, const struct job_view *job, int64_t submitted_ms)
{
    job_put_object(out, job);
    out->len--; /* the closing brace */
    (void)buf_printf(out, ",\"createdAt\":%lld}", (long long)submitted_ms);
}

static void requests_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (op_is_limited(op, err, reply)) {
        return;
    }
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    AUTO(buf_done) struct buf body = BUF_INIT;
    (void)buf_put_str(&body, "{\"requests\":[");
    for (size_t i = 0; i < reply_count(reply); i++) {
        struct job_view job;
        int64_t submitted_ms;
        if (queue_recent_at(reply, i, &job, &submitted_ms) == ERR_OK) {
            (void)buf_put_str(&body, i > 0 ? "," : "");
            put_request(&body, &job, submitted_ms);
        }
    }
    (void)buf_put_str(&body, "]}");
    op_reply_json(op, 200, buf_slice(&body));
}
