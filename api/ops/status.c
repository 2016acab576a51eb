/* GET|POST status: one read. GET|POST status-sync: the same, but waits for the end. */
#include "ops/await.h"
#include "ops/ops.h"

static void status_read(struct store_call *call, enum err err, const struct reply *reply);

void status_start(struct op *op)
{
    queue_read(op->node->store, &op->call, op_ep(op), op_id(op), SLICE(""), status_read);
}

static void status_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct job_view job;
    if (err == ERR_OK) {
        err = queue_read_result(reply, op_id(op), &job);
    }
    if (err == ERR_NOT_FOUND) {
        op_reply_error(op, err, "there is no such job, or it has expired");
    } else if (err != ERR_OK) {
        op_reply_store_error(op, err);
    } else {
        op_reply_job(op, &job);
    }
}

void status_sync_start(struct op *op)
{
    await_begin(op);
    await_look(op);
}
