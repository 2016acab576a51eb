/* POST run and POST runsync: parse -> store -> answer, or wait for the end.
 *
 * Committed once stored: a client that hangs up later loses the answer, not the job. A runsync node
 * names itself as a watcher in the step that stores the job, so no end can be missed. */
#include <stdio.h>

#include "base/id.h"
#include "ops/await.h"
#include "ops/ops.h"
#include "ops/submission.h"

static void run_store(struct op *op);
static void run_stored(struct store_call *call, enum err err, const struct reply *reply);
static void run_answer(struct op *op);

void run_start(struct op *op)
{
    run_store(op);
}

void runsync_start(struct op *op)
{
    op->is_sync = true;
    run_store(op);
}

static void run_store(struct op *op)
{
    const struct endpoint *endpoint = op->entry->endpoint;
    AUTO(buf_done) struct buf members = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    struct submit_args args;
    enum err err = submission_parse(op->request->body, endpoint, &args, &members, &problem);
    if (err != ERR_OK) {
        AUTO_STR text = buf_take_str(&problem);
        op_reply_error(op, err, text);
        return;
    }
    char uuid[ID_UUID_SIZE], token[TOKEN_SIZE];
    id_uuid(uuid);
    id_hex(token, 8);
    (void)snprintf(op->id, sizeof(op->id), "%s%s-u1", op->is_sync ? "sync-" : "", uuid);
    args.id = op_id(op);
    args.token = slice_of(token);
    args.retention_ms =
        1000 * (op->is_sync ? endpoint->retention_sync_s : endpoint->retention_async_s);
    if (op->is_sync) {
        args.watcher = slice_of(op->node->bus_address);
        watch_token(&op->waiter, args.token);
    }
    queue_submit(op->node->store, &op->call, op_ep(op), &args, run_stored);
    if (op->is_sync) {
        await_begin(op); /* lets the body go: the arguments have been copied */
    }
}

static void run_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    enum submit_outcome outcome;
    if (err == ERR_OK) {
        err = queue_submit_result(reply, &outcome);
    }
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
    } else if (outcome == SUBMIT_REFUSED) {
        char detail[128];
        (void)snprintf(detail, sizeof(detail),
                       "the queue is full: more than %lld jobs are waiting (max(50, workersMax x "
                       "500)), try again later",
                       (long long)endpoint_waiting_max(op->entry->endpoint));
        op_reply_error(op, ERR_QUEUE_FULL, detail);
    } else if (!op->is_sync) {
        run_answer(op);
    } else if (op->has_waited || op->node->is_draining) {
        await_look(op);
    }
}

static void run_answer(struct op *op)
{
    char body[ID_MAX + 64];
    int len = snprintf(body, sizeof(body), "{\"id\":\"%s\",\"status\":\"IN_QUEUE\"}", op->id);
    op_reply_json(op, 200, (struct slice){body, (size_t)len});
}
