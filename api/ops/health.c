/* GET health: counters of one endpoint. GET /healthz: can this node serve? */
#include "ops/ops.h"

static void health_read(struct store_call *call, enum err err, const struct reply *reply);

void health_start(struct op *op)
{
    queue_health(op->node->store, &op->call, op_ep(op), health_read);
}

static void put_counters(struct buf *out, const char *const *names, const int64_t *values,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)buf_printf(out, "%s\"%s\":%lld", i > 0 ? "," : "", names[i], (long long)values[i]);
    }
}

static void health_answer(struct op *op, const struct health *health)
{
    static const char *const jobs[] = {"completed", "failed", "inProgress", "inQueue", "retried"};
    static const char *const workers[] = {"idle",    "initializing", "ready",
                                          "running", "throttled",    "unhealthy"};
    AUTO(buf_done) struct buf body = BUF_INIT;
    (void)buf_put_str(&body, "{\"jobs\":{");
    put_counters(&body, jobs,
                 (const int64_t[]){health->completed, health->failed, health->in_progress,
                                   health->in_queue, health->retried},
                 COUNT_OF(jobs));
    (void)buf_put_str(&body, "},\"workers\":{");
    put_counters(&body, workers,
                 (const int64_t[]){health->idle, health->initializing, health->idle,
                                   health->running, health->throttled, health->unhealthy},
                 COUNT_OF(workers));
    (void)buf_put_char(&body, '}');
    if (health->in_queue > 0 && health->reason.len > 0) { /* why jobs wait, so only while some do */
        (void)buf_put_str(&body, ",\"reason\":");
        (void)buf_put_json_str(&body, health->reason);
    }
    if (health->in_queue > 0 && health->detail.len > 0) {
        (void)buf_put_str(&body, ",\"detail\":");
        (void)buf_put_json_str(&body, health->detail);
    }
    (void)buf_put_char(&body, '}');
    op_reply_json(op, 200, buf_slice(&body));
}

static void health_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct health health;
    if (err == ERR_OK) {
        err = queue_health_result(reply, &health);
    }
    if (err == ERR_OK) {
        health_answer(op, &health);
    } else {
        op_reply_store_error(op, err);
    }
}

void healthz_start(struct op *op)
{
    if (op->node->is_draining) {
        op_reply_error(op, ERR_CLOSING, "this node is stopping");
    } else if (!store_is_ready(op->node->store)) {
        op_reply_store_error(op, ERR_STORE_AWAY);
    } else {
        op_reply_json(op, 200, SLICE("{\"status\":\"ok\"}"));
    }
}
