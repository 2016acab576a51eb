/* /v1/endpoints: create, list, get, update, delete; RunPod's REST v1 shape.
 *
 * The document is what the client sent, checked by endpoint_parse(); an update merges its top-level
 * keys into the stored one. Document and version change in one transition, which also tells every
 * node; the set of all endpoints lives in another hash slot and follows after it. Creating again
 * what a crash left out of the set puts it right. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "ops/ops.h"
#include "reply.h"

static void endpoints_store(struct op *op, struct slice document, bool may_replace);
static void endpoints_stored(struct store_call *call, enum err err, const struct reply *reply);
static void endpoints_listed(struct store_call *call, enum err err, const struct reply *reply);

static void cjson_free(cJSON *json)
{
    cJSON_Delete(json);
}
AUTO_DEFINE(cjson_free, cJSON *)

/* The stored document with its version as one more member. */
static void put_document(struct buf *out, struct slice document, int64_t version)
{
    while (document.len > 0 && document.ptr[document.len - 1] != '}') {
        document.len--;
    }
    document.len -= document.len > 0 ? 1 : 0;
    (void)buf_put_slice(out, document);
    (void)buf_printf(out, ",\"version\":%lld}", (long long)version);
}

/* ---- create and update ---- */

void endpoints_create_start(struct op *op)
{
    endpoints_store(op, op->request->body, false);
}

static void endpoints_store(struct op *op, struct slice document, bool may_replace)
{
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    enum err err = endpoint_parse(document, &endpoint, &problem);
    if (err != ERR_OK) {
        AUTO_STR text = buf_take_str(&problem);
        op_reply_error(op, err, text);
        return;
    }
    (void)snprintf(op->id, sizeof(op->id), "%s", endpoint->id);
    if (document.ptr != op->document.ptr) {
        buf_clear(&op->document);
        (void)buf_put_slice(&op->document, document);
    }
    queue_configure(op->node->store, &op->call, op_id(op), buf_slice(&op->document), may_replace,
                    endpoints_stored);
}

static void endpoints_added(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)reply;
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    AUTO(buf_done) struct buf body = BUF_INIT;
    put_document(&body, buf_slice(&op->document), op->version);
    op_reply_json(op, 200, buf_slice(&body));
}

static void endpoints_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    int64_t version = reply_int(reply, 0);
    if (version < 0) {
        char detail[2 * ID_MAX + 80];
        (void)snprintf(detail, sizeof(detail),
                       "endpoint %s exists: change it with PATCH /v1/endpoints/%s", op->id, op->id);
        op_reply_error(op, ERR_CONFLICT, detail);
        return;
    }
    op->version = version;
    const struct slice argv[] = {SLICE("SADD"), SLICE("mr:{sys}:endpoints"), op_id(op)};
    store_command(op->node->store, &op->call, argv, COUNT_OF(argv), endpoints_added);
}

/* ---- one stored document ---- */

/* Answers for the caller when there is no such endpoint. */
static bool document_read(struct op *op, enum err err, const struct reply *reply)
{
    if (err == ERR_OK && reply_slice(reply_at(reply, 0)).len > 0) {
        return true;
    }
    if (err == ERR_OK) {
        op_reply_error(op, ERR_NOT_FOUND, "there is no such endpoint");
    } else {
        op_reply_store_error(op, err);
    }
    return false;
}

static void endpoints_got(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (document_read(op, err, reply)) {
        AUTO(buf_done) struct buf body = BUF_INIT;
        put_document(&body, reply_slice(reply_at(reply, 0)), reply_int(reply_at(reply, 1), 0));
        op_reply_json(op, 200, buf_slice(&body));
    }
}

void endpoints_get_start(struct op *op)
{
    catalog_load(op->node->catalog, op_id(op), &op->call, endpoints_got);
}

static void merge(cJSON *into, cJSON *changes)
{
    while (changes->child != NULL) {
        cJSON *member = cJSON_DetachItemViaPointer(changes, changes->child);
        if (cJSON_HasObjectItem(into, member->string)) {
            (void)cJSON_ReplaceItemInObjectCaseSensitive(into, member->string, member);
        } else {
            (void)cJSON_AddItemToObject(into, member->string, member);
        }
    }
}

static void endpoints_merge(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (!document_read(op, err, reply)) {
        return;
    }
    struct slice stored = reply_slice(reply_at(reply, 0));
    AUTO(cjson_free) cJSON *document = cJSON_ParseWithLength(stored.ptr, stored.len);
    AUTO(cjson_free)
    cJSON *changes = cJSON_ParseWithLength(op->request->body.ptr, op->request->body.len);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(changes, "id");
    if (!cJSON_IsObject(changes) || !cJSON_IsObject(document)) {
        op_reply_error(op, ERR_BAD_JSON, "the body must be a JSON object");
        return;
    }
    if (id != NULL && !(cJSON_IsString(id) && strcmp(id->valuestring, op->id) == 0)) {
        op_reply_error(op, ERR_BAD_REQUEST, "id cannot be changed");
        return;
    }
    merge(document, changes);
    char *text = cJSON_PrintUnformatted(document);
    ensure(text != NULL);
    buf_clear(&op->document);
    (void)buf_put_str(&op->document, text);
    cJSON_free(text);
    endpoints_store(op, buf_slice(&op->document), true);
}

void endpoints_update_start(struct op *op)
{
    catalog_load(op->node->catalog, op_id(op), &op->call, endpoints_merge);
}

/* ---- delete ---- */

static void endpoints_removed(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)reply;
    struct op *op = container_of(call, struct op, call);
    if (err == ERR_OK) {
        op_reply(op, &(struct http_answer){.status = 204});
    } else {
        op_reply_store_error(op, err);
    }
}

static void endpoints_deleted(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
    } else if (reply_int(reply, 0) < 0) {
        op_reply_error(op, ERR_NOT_FOUND, "there is no such endpoint");
    } else {
        const struct slice argv[] = {SLICE("SREM"), SLICE("mr:{sys}:endpoints"), op_id(op)};
        store_command(op->node->store, &op->call, argv, COUNT_OF(argv), endpoints_removed);
    }
}

void endpoints_delete_start(struct op *op)
{
    queue_configure(op->node->store, &op->call, op_id(op), SLICE(""), true, endpoints_deleted);
}

/* ---- list ---- */

/* One document of the list; lives until its own answer. */
struct list_item {
    struct store_call call;
    struct list_op *list;
};

struct list_op {
    struct op *op; /* NULL once the client is gone */
    size_t waiting;
    struct buf body;
    struct list_item items[];
};

static void list_item_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct list_item *item = container_of(call, struct list_item, call);
    struct list_op *list = item->list;
    struct slice document = err == ERR_OK ? reply_slice(reply_at(reply, 0)) : SLICE_NONE;
    if (document.len > 0) {
        (void)buf_put_str(&list->body, list->body.len > 1 ? "," : "");
        put_document(&list->body, document, reply_int(reply_at(reply, 1), 0));
    }
    if (--list->waiting > 0) {
        return;
    }
    (void)buf_put_char(&list->body, ']');
    if (list->op != NULL) {
        list->op->list = NULL;
        op_reply_json(list->op, 200, buf_slice(&list->body));
    }
    buf_done(&list->body);
    free(list);
}

static void endpoints_listed(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    size_t count = reply_count(reply);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    if (count == 0) {
        op_reply_json(op, 200, SLICE("[]"));
        return;
    }
    struct list_op *list = xcalloc(1, sizeof(*list) + count * sizeof(list->items[0]));
    list->op = op;
    op->list = &list->op;
    list->waiting = count;
    (void)buf_put_char(&list->body, '[');
    for (size_t i = 0; i < count; i++) {
        list->items[i].list = list;
        catalog_load(op->node->catalog, reply_slice(reply_at(reply, i)), &list->items[i].call,
                     list_item_read);
    }
}

void endpoints_list_start(struct op *op)
{
    const struct slice argv[] = {SLICE("SMEMBERS"), SLICE("mr:{sys}:endpoints")};
    store_command(op->node->store, &op->call, argv, COUNT_OF(argv), endpoints_listed);
}
