/* GET webhook-redeliver: how the delivery of a job's end went so far. POST: deliver it once more.
 */
#include <stdio.h>

#include "ops/ops.h"
#include "queue/queue_hook.h"

static void webhook_read(struct store_call *call, enum err err, const struct reply *reply);
static void webhook_asked(struct store_call *call, enum err err, const struct reply *reply);

void webhook_read_start(struct op *op)
{
    queue_hook_log(op->node->store, &op->call, op_ep(op), op_id(op), HOOK_READ, webhook_read);
}

void webhook_redeliver_start(struct op *op)
{
    queue_hook_log(op->node->store, &op->call, op_ep(op), op_id(op), HOOK_AGAIN, webhook_asked);
}

/* Answers for the caller when there is no delivery to speak of. */
static bool log_read(struct op *op, enum err err, const struct reply *reply,
                     struct hook_log *ret_log)
{
    if (err == ERR_OK) {
        err = queue_hook_log_result(reply, ret_log);
    }
    if (op_has_failed(op, err)) {
        return false;
    }
    if (!ret_log->has_webhook) {
        op_reply_error(op, ERR_BAD_REQUEST, "the job was submitted without a webhook");
        return false;
    }
    return true;
}

static void put_number(struct buf *out, const char *key, int64_t value)
{
    if (value > 0) {
        (void)buf_printf(out, ",\"%s\":%lld", key, (long long)value);
    }
}

static void answer_log(struct op *op, const struct hook_log *log)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    (void)buf_printf(&body, "{\"id\":\"%s\",\"status\":\"%s\",\"tries\":%lld", op->id,
                     hook_state_name(log->state), (long long)log->tries);
    put_number(&body, "lastStatus", log->status);
    if (log->problem.len > 0) {
        (void)buf_put_str(&body, ",\"lastError\":");
        (void)buf_put_json_str(&body, log->problem);
    }
    put_number(&body, "lastTriedAt", log->last_ms);
    put_number(&body, "nextTryAt", log->next_ms);
    (void)buf_put_char(&body, '}');
    op_reply_json(op, 200, buf_slice(&body));
}

static void webhook_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct hook_log log;
    if (log_read(op, err, reply, &log)) {
        answer_log(op, &log);
    }
}

static void webhook_asked(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct hook_log log;
    if (!log_read(op, err, reply, &log)) {
        return;
    }
    if (!job_state_is_final(log.job)) {
        char detail[96];
        (void)snprintf(detail, sizeof(detail),
                       "the job is %s: its webhook is delivered when it ends",
                       job_state_name(log.job));
        op_reply_error(op, ERR_BAD_REQUEST, detail);
        return;
    }
    answer_log(op, &log);
}
