/* POST run and POST runsync: parse -> store -> answer, or wait for the end.
 *
 * Committed once stored: a client that hangs up later loses the answer, not the job. A runsync node
 * names itself as a watcher in the step that stores the job, so no end can be missed. */
#include <stdio.h>

#include "base/digest.h"
#include "base/id.h"
#include "base/json.h"
#include "hook.h"
#include "ops/await.h"
#include "ops/ops.h"
#include "ops/submission.h"

#define BODY_KEPT ((size_t)64 << 10) /* letting smaller ones go with the answer is cheaper */

/* SHA-256 of client and key, and of the body. */
struct idempotency {
    char name[DIGEST_HEX_SIZE], body[DIGEST_HEX_SIZE];
};

static void run_store(struct op *op);
static enum err run_webhook(struct op *op, struct submit_args *args, struct buf *url,
                            struct buf *problem);
static void run_name(struct op *op, char token[TOKEN_SIZE]);
static void run_identify(struct op *op, struct idempotency *idempotency, struct submit_args *args);
static void run_stored(struct store_call *call, enum err err, const struct reply *reply);
static void run_outcome(struct op *op, enum submit_outcome outcome);
static void run_replay(struct op *op, struct slice first_id);
static void run_unacknowledged(struct op *op, struct slice id);
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
    AUTO(buf_done) struct buf webhook = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    struct submit_args args;
    enum err err = submission_parse(op->request->body, endpoint, &args, &members, &problem);
    if (err == ERR_OK) {
        err = run_webhook(op, &args, &webhook, &problem);
    }
    if (err != ERR_OK) {
        AUTO_STR text = buf_take_str(&problem);
        op_reply_error(op, err, text);
        return;
    }
    char token[TOKEN_SIZE];
    struct idempotency idempotency;
    run_name(op, token);
    args.id = op_id(op);
    args.token = slice_of(token);
    args.rate = op_rate(op);
    args.retention_ms =
        1000 * (op->is_sync ? endpoint->retention_sync_s : endpoint->retention_async_s);
    run_identify(op, &idempotency, &args);
    args.waits_for_replica = endpoint->waits_for_replica;
    if (op->is_sync) {
        args.watcher = slice_of(op->node->bus_address);
        watch_token(&op->waiter, args.token);
    }
    queue_submit(op->node->store, &op->call, op_ep(op), &args, run_stored);
    if (op->is_sync) {
        await_begin(op); /* lets the body go: the arguments have been copied */
    } else if (op->request->body.len > BODY_KEPT) {
        http_forget(op->request);
    }
}

/* An empty text is none; a URL that could never be told is refused now. */
static enum err run_webhook(struct op *op, struct submit_args *args, struct buf *url,
                            struct buf *problem)
{
    if (args->webhook.len > 0 && json_unquote(args->webhook, url) != ERR_OK) {
        args->webhook = SLICE_NONE; /* null */
    }
    args->webhook = buf_slice(url);
    return url->len > 0 ? hook_url_check(hooks_policy(op->node->hooks), args->webhook, problem)
                        : ERR_OK;
}

static void run_name(struct op *op, char token[TOKEN_SIZE])
{
    char uuid[ID_UUID_SIZE];
    id_uuid(uuid);
    id_hex(token, 8);
    (void)snprintf(op->id, sizeof(op->id), "%s%s-u1", op->is_sync ? "sync-" : "", uuid);
}

/* A key belongs to the client that sends it: two API keys never share one. */
static void run_identify(struct op *op, struct idempotency *idempotency, struct submit_args *args)
{
    struct slice key = http_header(op->request, "idempotency-key");
    if (key.len == 0) {
        return;
    }
    AUTO(buf_done) struct buf name = BUF_INIT;
    (void)buf_put_slice(&name, auth_key(op->request));
    (void)buf_put_char(&name, '\n');
    (void)buf_put_slice(&name, key);
    digest_sha256_hex(buf_slice(&name), idempotency->name);
    digest_sha256_hex(op->request->body, idempotency->body);
    args->idempotency = slice_of(idempotency->name);
    args->body_digest = slice_of(idempotency->body);
}

static void run_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    enum submit_outcome outcome = SUBMIT_STORED;
    struct slice first_id;
    bool is_unacknowledged = err == ERR_STORE_UNACKED;
    op_body_over(op);
    if (!op_read_outcome(op, is_unacknowledged ? ERR_OK : err, reply, &outcome, &first_id)) {
        return;
    }
    bool is_stored =
        outcome == SUBMIT_STORED || outcome == SUBMIT_STORED_BEFORE || outcome == SUBMIT_REPLAYED;
    if (is_stored && is_unacknowledged) {
        run_unacknowledged(op, outcome == SUBMIT_REPLAYED ? first_id : op_id(op));
    } else if (outcome == SUBMIT_REPLAYED && !slice_eq(first_id, op_id(op))) {
        run_replay(op, first_id);
    } else {
        run_outcome(op, outcome);
    }
}

static void run_outcome(struct op *op, enum submit_outcome outcome)
{
    if (outcome == SUBMIT_REFUSED) {
        char detail[128];
        (void)snprintf(detail, sizeof(detail),
                       "the queue is full: more than %lld jobs are waiting (max(50, workersMax x "
                       "500)), try again later",
                       (long long)endpoint_waiting_max(op->entry->endpoint));
        op_reply_error(op, ERR_QUEUE_FULL, detail);
    } else if (outcome == SUBMIT_OTHER_BODY) {
        op_reply_error(op, ERR_UNPROCESSABLE,
                       "this Idempotency-Key was used with another body in the last 24 hours");
    } else if (outcome == SUBMIT_GONE) {
        op_reply_error(op, ERR_NOT_FOUND, "there is no such endpoint");
    } else if (!op->is_sync) {
        run_answer(op);
    } else if (op->has_waited || op->node->is_draining) {
        await_look(op, RATE_NONE);
    }
}

/* The same key and body came before: the answer is about the first job. */
static void run_replay(struct op *op, struct slice first_id)
{
    if (first_id.len >= sizeof(op->id)) {
        op_reply_store_error(op, ERR_STORE_REPLY);
        return;
    }
    memcpy(op->id, first_id.ptr, first_id.len);
    op->id[first_id.len] = '\0';
    if (!op->is_sync) {
        run_answer(op);
        return;
    }
    await_move(op);
    await_look(op, RATE_NONE);
}

/* The job is there and will run; it would be lost with this Redis. Taking it back could not be made
 * sure of either, and a worker may have it by now: so the client is told, and a repetition with the
 * same key finds the same job. */
static void run_unacknowledged(struct op *op, struct slice id)
{
    char detail[ID_MAX + 320];
    (void)snprintf(
        detail, sizeof(detail),
        "job %.*s is stored, but no replica of Redis has confirmed it within 2 s "
        "(durability \"replica\"): it runs unless this Redis is lost; ask for its status, "
        "or repeat the request with the same Idempotency-Key",
        SLICE_ARG(id));
    op_reply_error(op, ERR_STORE_UNACKED, detail);
}

static void run_answer(struct op *op)
{
    char body[ID_MAX + 64];
    int len = snprintf(body, sizeof(body), "{\"id\":\"%s\",\"status\":\"IN_QUEUE\"}", op->id);
    op_reply_json(op, 200, (struct slice){body, (size_t)len});
}
