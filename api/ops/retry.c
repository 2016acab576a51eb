/* POST retry: a job that ended FAILED or TIMED_OUT waits again, with its input and its id. */
#include <stdio.h>

#include "ops/ops.h"

static void retry_done(struct store_call *call, enum err err, const struct reply *reply);

void retry_start(struct op *op)
{
    queue_retry(op->node->store, &op->call, op_ep(op), op_id(op), retry_done);
}

static void retry_done(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct retry_result result;
    if (err == ERR_OK) {
        err = queue_retry_result(reply, &result);
    }
    if (op_has_failed(op, err)) {
        return;
    }
    if (!result.is_queued) {
        char detail[96];
        (void)snprintf(detail, sizeof(detail),
                       "the job is %s: only FAILED and TIMED_OUT jobs can be retried",
                       job_state_name(result.state));
        op_reply_error(op, ERR_BAD_REQUEST, detail);
    } else {
        AUTO(buf_done) struct buf body = BUF_INIT;
        (void)buf_printf(&body, "{\"id\":\"%s\",\"status\":\"IN_QUEUE\"}", op->id);
        op_reply_json(op, 200, buf_slice(&body));
    }
}
