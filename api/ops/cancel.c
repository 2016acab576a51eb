/* POST cancel: one transition, then the watchers are told. A job that had ended keeps its state. */
#include "ops/ops.h"

static void cancel_done(struct store_call *call, enum err err, const struct reply *reply);
static void cancel_announce(struct op *op, const struct cancel_result *result);

void cancel_start(struct op *op)
{
    const struct rate rate = op_rate(op);
    queue_cancel(op->node->store, &op->call, op_ep(op), op_id(op), &rate, cancel_done);
}

static void cancel_done(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct cancel_result result;
    if (op_is_limited(op, err, reply)) {
        return;
    }
    if (err == ERR_OK) {
        err = queue_cancel_result(reply, op_id(op), &result);
    }
    if (op_has_failed(op, err)) {
        return;
    }
    cancel_announce(op, &result);
    AUTO(buf_done) struct buf body = BUF_INIT;
    (void)buf_printf(&body, "{\"id\":\"%s\",\"status\":\"%s\"}", op->id,
                     job_state_name(result.job.state));
    op_reply_json(op, 200, buf_slice(&body));
}

static void cancel_announce(struct op *op, const struct cancel_result *result)
{
    struct bus_frame frame = {
        .kind = BUS_LOOK, .ep = op_ep(op), .id = op_id(op), .token = result->job.token};
    bus_publish(op->node->bus, result->watchers, &frame);
}
