/* /v1/keys: create, list, get, revoke.
 *
 * A key is told once, in the answer to its creation; kept is its SHA-256. The record is what
 * clients see of it afterwards: {"id", "name", "scopes", "expiresAt"?, "createdAt"}. What must
 * never happen: key or digest in an answer, a log line or an error. */
#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "ops/key_request.h"
#include "ops/ops.h"
#include "queue/queue_manage.h"

#define KEY_PREFIX "mr_"
#define KEY_LETTERS 48 /* of 36 each: 248 bits */
#define KEY_ID_LETTERS 12

static void keys_granted(struct store_call *call, enum err err, const struct reply *reply);
static void keys_listed(struct store_call *call, enum err err, const struct reply *reply);
static void keys_found(struct store_call *call, enum err err, const struct reply *reply);
static void keys_got(struct store_call *call, enum err err, const struct reply *reply);
static void keys_revoked(struct store_call *call, enum err err, const struct reply *reply);

/* ---- create ---- */

/* op->document becomes the answer: the record and the key. */
static void grant(struct op *op, struct slice members)
{
    char key[sizeof(KEY_PREFIX) + KEY_LETTERS] = KEY_PREFIX;
    char digest[DIGEST_HEX_SIZE];
    AUTO(buf_done) struct buf record = BUF_INIT;
    id_alnum(key + sizeof(KEY_PREFIX) - 1, KEY_LETTERS);
    id_alnum(op->id, KEY_ID_LETTERS);
    digest_sha256_hex(slice_of(key), digest);
    (void)buf_printf(&record, "{\"id\":\"%s\",%.*s,\"createdAt\":%lld", op->id, SLICE_ARG(members),
                     (long long)clock_wall_ms());
    (void)buf_put_slice(&op->document, buf_slice(&record));
    (void)buf_printf(&op->document, ",\"key\":\"%s\"}", key);
    (void)buf_put_char(&record, '}');
    queue_grant(op->node->store, &op->call, op_id(op), slice_of(digest), buf_slice(&record),
                keys_granted);
}

void keys_create_start(struct op *op)
{
    AUTO(buf_done) struct buf members = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    enum err err = key_request_parse(op->request->body, clock_wall_ms(), &members, &problem);
    if (err != ERR_OK) {
        AUTO_STR text = buf_take_str(&problem);
        op_reply_error(op, err, text);
        return;
    }
    grant(op, buf_slice(&members));
}

static void keys_granted(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err == ERR_OK && reply_int(reply, 0) != 1) {
        err = ERR_CONFLICT;
    }
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    log_info("key.granted", "id=%s", op->id);
    op_reply_json(op, 200, buf_slice(&op->document));
}

/* ---- list and get ---- */

struct record {
    struct slice text;
    int64_t created_ms;
};

static int by_age(const void *a, const void *b)
{
    const struct record *left = a, *right = b;
    return (left->created_ms > right->created_ms) - (left->created_ms < right->created_ms);
}

static void put_records(struct buf *out, const struct reply *reply)
{
    size_t count = reply_count(reply);
    AUTO(free) void *memory = xcalloc(count + 1, sizeof(struct record));
    struct record *records = memory;
    for (size_t i = 0; i < count; i++) {
        struct json_member created = {.name = "createdAt"};
        records[i].text = reply_slice(reply_at(reply, i));
        if (json_scan(records[i].text, &created, 1, NULL) == ERR_OK) {
            (void)json_to_i64(created.value, &records[i].created_ms);
        }
    }
    qsort(records, count, sizeof(records[0]), by_age);
    (void)buf_put_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        (void)buf_put_str(out, i > 0 ? "," : "");
        (void)buf_put_slice(out, records[i].text);
    }
    (void)buf_put_char(out, ']');
}

void keys_list_start(struct op *op)
{
    const struct slice argv[] = {SLICE("HVALS"), SLICE("mr:{sys}:keys")};
    store_command(op->node->store, &op->call, argv, COUNT_OF(argv), keys_listed);
}

static void keys_listed(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    AUTO(buf_done) struct buf body = BUF_INIT;
    put_records(&body, reply);
    op_reply_json(op, 200, buf_slice(&body));
}

static void reply_unknown(struct op *op)
{
    op_reply_error(op, ERR_NOT_FOUND, "there is no key with this id");
}

void keys_get_start(struct op *op)
{
    const struct slice argv[] = {SLICE("HGET"), SLICE("mr:{sys}:keyids"), op_id(op)};
    store_command(op->node->store, &op->call, argv, COUNT_OF(argv), keys_found);
}

static void keys_found(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct slice digest = reply_slice(reply);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
    } else if (digest.len == 0) {
        reply_unknown(op);
    } else {
        const struct slice argv[] = {SLICE("HGET"), SLICE("mr:{sys}:keys"), digest};
        store_command(op->node->store, &op->call, argv, COUNT_OF(argv), keys_got);
    }
}

static void keys_got(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
    } else if (reply_slice(reply).len == 0) {
        reply_unknown(op);
    } else {
        op_reply_json(op, 200, reply_slice(reply));
    }
}

/* ---- revoke ---- */

void keys_revoke_start(struct op *op)
{
    queue_revoke(op->node->store, &op->call, op_id(op), keys_revoked);
}

static void keys_revoked(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
    } else if (reply_int(reply, 0) != 1) {
        reply_unknown(op);
    } else {
        log_info("key.revoked", "id=%s", op->id);
        auth_forget(op->node->auth);
        op_reply(op, &(struct http_answer){.status = 204});
    }
}
