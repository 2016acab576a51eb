/* GET autoscaler: the last decisions of the scheduler about the endpoint, newest first, each with
 * what it was made from and the term that won. */
#include "ops/ops.h"

static void autoscaler_read(struct store_call *call, enum err err, const struct reply *reply);

void autoscaler_start(struct op *op)
{
    AUTO_STR key = xasprintf("mr:{%s}:decisions", op->ep);
    const struct slice words[] = {SLICE("LRANGE"), slice_of(key), SLICE("0"), SLICE("199")};
    store_command(op->node->store, &op->call, words, COUNT_OF(words), autoscaler_read);
}

static void autoscaler_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    AUTO(buf_done) struct buf body = BUF_INIT;
    (void)buf_put_str(&body, "{\"endpointId\":");
    (void)buf_put_json_str(&body, op_ep(op));
    (void)buf_put_str(&body, ",\"decisions\":[");
    for (size_t i = 0; i < reply_count(reply); i++) {
        (void)buf_put_str(&body, i > 0 ? "," : "");
        (void)buf_put_slice(&body, reply_slice(reply_at(reply, i)));
    }
    (void)buf_put_str(&body, "]}");
    op_reply_json(op, 200, buf_slice(&body));
}
