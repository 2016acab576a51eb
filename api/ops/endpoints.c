/* /v1/endpoints: create, get, update; RunPod's REST v1 shape. Delete and list have their own files.
 *
 * The document is what the client sent, checked by endpoint_parse(); an update merges its top-level
 * keys into the stored one and replaces exactly that version, so that two updates at a time lose
 * nothing. An update that changes nothing stores nothing: a new version makes workers start anew.
 * Document and version change in one transition, which also tells every node; the set of all
 * endpoints lives in another hash slot and follows after it. Creating again what a crash left out
 * of the set puts it right. */
#include <stdio.h>

#include "base/json.h"
#include "base/json_tree.h"
#include "ops/endpoint_answer.h"
#include "ops/ops.h"

#define MERGE_TRIES 5
#define RANDOM_ID_LEN 12

static bool create_check(struct op *op, struct slice document);
static void endpoints_created(struct store_call *call, enum err err, const struct reply *reply);
static void endpoints_listed_in(struct store_call *call, enum err err, const struct reply *reply);
static void update_read(struct op *op);
static void update_merge(struct store_call *call, enum err err, const struct reply *reply);
static void update_store(struct op *op, const cJSON *document, int64_t version);
static void update_stored(struct store_call *call, enum err err, const struct reply *reply);

static void answer_document(struct op *op, struct slice document, int64_t version)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    const struct endpoint_view view = {.document = document, .version = version};
    endpoint_answer_put(&body, &view, DESCRIBE_DOCUMENT);
    op_reply_json(op, 200, buf_slice(&body));
}

/* ---- create: name -> check -> store -> add to the set ---- */

/* Keeps the document in the operation; one without an id gets a random one. */
static void create_name(struct op *op)
{
    struct slice body = op->request->body;
    struct json_member id = {.name = "id"};
    if (json_scan(body, &id, 1, NULL) == ERR_OK && id.value.len == 0) {
        char text[RANDOM_ID_LEN + 1];
        id_alnum(text, RANDOM_ID_LEN);
        struct slice members =
            slice_from(body, (size_t)((char *)memchr(body.ptr, '{', body.len) - body.ptr) + 1);
        while (members.len > 0 && strchr(" \t\r\n", members.ptr[0]) != NULL) {
            members = slice_from(members, 1);
        }
        (void)buf_printf(&op->document, "{\"id\":\"%s\"%s", text, members.ptr[0] == '}' ? "" : ",");
        body = members;
    }
    (void)buf_put_slice(&op->document, body);
}

void endpoints_create_start(struct op *op)
{
    create_name(op);
    if (create_check(op, buf_slice(&op->document))) {
        queue_create(op->node->store, &op->call, op_id(op), buf_slice(&op->document),
                     endpoints_created);
    }
}

/* Takes the id out of the document; answers for the caller when it is refused. */
static bool create_check(struct op *op, struct slice document)
{
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    enum err err = endpoint_parse(document, &endpoint, &problem);
    if (err != ERR_OK) {
        AUTO_STR text = buf_take_str(&problem);
        op_reply_error(op, err, text);
        return false;
    }
    (void)snprintf(op->id, sizeof(op->id), "%s", endpoint->id);
    return true;
}

static void endpoints_created(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    int64_t version = reply_int(reply, 0);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    if (version == CONFIGURE_EXISTS) {
        char detail[2 * ID_MAX + 80];
        (void)snprintf(detail, sizeof(detail),
                       "endpoint %s exists: change it with PATCH /v1/endpoints/%s", op->id, op->id);
        op_reply_error(op, ERR_CONFLICT, detail);
        return;
    }
    op->version = version;
    const struct slice argv[] = {SLICE("SADD"), SLICE("mr:{sys}:endpoints"), op_id(op)};
    store_command(op->node->store, &op->call, argv, COUNT_OF(argv), endpoints_listed_in);
}

static void endpoints_listed_in(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)reply;
    struct op *op = container_of(call, struct op, call);
    if (err == ERR_OK) {
        answer_document(op, buf_slice(&op->document), op->version);
    } else {
        op_reply_store_error(op, err);
    }
}

/* ---- one stored document ---- */

/* Answers for the caller when there is no such endpoint. */
static bool describe_read(struct op *op, enum err err, const struct reply *reply,
                          struct endpoint_view *ret_view)
{
    if (err == ERR_OK) {
        err = queue_describe_result(reply, ret_view);
    }
    if (err == ERR_NOT_FOUND) {
        op_reply_error(op, err, "there is no such endpoint");
    } else if (err != ERR_OK) {
        op_reply_store_error(op, err);
    }
    return err == ERR_OK;
}

static void endpoints_got(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct endpoint_view view;
    if (describe_read(op, err, reply, &view)) {
        AUTO(buf_done) struct buf body = BUF_INIT;
        endpoint_answer_put(&body, &view, endpoint_answer_what(op));
        op_reply_json(op, 200, buf_slice(&body));
    }
}

void endpoints_get_start(struct op *op)
{
    queue_describe(op->node->store, &op->call, op_id(op), endpoint_answer_what(op), endpoints_got);
}

/* ---- update: read -> merge -> store, again when another was faster ---- */

void endpoints_update_start(struct op *op)
{
    update_read(op);
}

static void update_read(struct op *op)
{
    queue_describe(op->node->store, &op->call, op_id(op), DESCRIBE_DOCUMENT, update_merge);
}

/* null takes a key back to its default, as nothing else could with a secret. */
static void merge(cJSON *into, const cJSON *changes)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, changes)
    {
        if (strcmp(member->string, "webhookSecret") == 0 && cJSON_IsString(member) &&
            strcmp(member->valuestring, ENDPOINT_SECRET_MASK) == 0) {
            continue;
        }
        if (cJSON_IsNull(member)) {
            cJSON_DeleteItemFromObjectCaseSensitive(into, member->string);
            continue;
        }
        cJSON *copy = cJSON_Duplicate(member, true);
        if (cJSON_GetObjectItemCaseSensitive(into, member->string) != NULL) {
            (void)cJSON_ReplaceItemInObjectCaseSensitive(into, member->string, copy);
        } else {
            (void)cJSON_AddItemToObject(into, member->string, copy);
        }
    }
}

/* Answers for the caller when the changes are none; NULL then. */
static cJSON *read_changes(struct op *op)
{
    struct slice body = op->request->body;
    struct json_problem where = {0};
    if (json_scan_document(body, &where) != ERR_OK) {
        char detail[128];
        (void)snprintf(detail, sizeof(detail), "the body must be a JSON object: %s at byte %zu",
                       where.what, where.offset);
        op_reply_error(op, ERR_BAD_JSON, detail);
        return NULL;
    }
    AUTO(cJSON_Delete) cJSON *changes = cJSON_ParseWithLength(body.ptr, body.len);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(changes, "id");
    if (!cJSON_IsObject(changes)) {
        op_reply_error(op, ERR_BAD_JSON, "the body must be a JSON object");
    } else if (id != NULL && !(cJSON_IsString(id) && strcmp(id->valuestring, op->id) == 0)) {
        op_reply_error(op, ERR_BAD_REQUEST, "id cannot be changed: create another endpoint");
    } else {
        return steal(changes);
    }
    return NULL;
}

static void update_merge(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct endpoint_view view;
    if (!describe_read(op, err, reply, &view)) {
        return;
    }
    AUTO(cJSON_Delete) cJSON *changes = read_changes(op);
    if (changes == NULL) {
        return;
    }
    AUTO(cJSON_Delete)
    cJSON *stored = cJSON_ParseWithLength(view.document.ptr, view.document.len);
    AUTO(cJSON_Delete) cJSON *document = cJSON_Duplicate(stored, true);
    merge(document, changes);
    if (cJSON_Compare(stored, document, true)) {
        /* The same text keeps its version, and is told to all who listen: a crash loop is pardoned.
         */
        buf_clear(&op->document);
        (void)buf_put_slice(&op->document, view.document);
        queue_replace(op->node->store, &op->call, op_id(op), view.version, buf_slice(&op->document),
                      update_stored);
    } else {
        update_store(op, document, view.version);
    }
}

static void update_store(struct op *op, const cJSON *document, int64_t version)
{
    char *text = cJSON_PrintUnformatted(document);
    if (text == NULL) {
        op_reply_error(op, ERR_STORE_REPLY, NULL);
        return;
    }
    buf_clear(&op->document);
    (void)buf_put_str(&op->document, text);
    cJSON_free(text);
    if (create_check(op, buf_slice(&op->document))) {
        queue_replace(op->node->store, &op->call, op_id(op), version, buf_slice(&op->document),
                      update_stored);
    }
}

static void update_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    int64_t version = reply_int(reply, 0);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
    } else if (version == CONFIGURE_UNKNOWN) {
        op_reply_error(op, ERR_NOT_FOUND, "there is no such endpoint");
    } else if (version != CONFIGURE_OUTDATED) {
        answer_document(op, buf_slice(&op->document), version);
    } else if (++op->tries < MERGE_TRIES) {
        update_read(op);
    } else {
        op_reply_error(op, ERR_CONFLICT, "others change this endpoint at the same time: try again");
    }
}
