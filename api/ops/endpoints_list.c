/* GET /v1/endpoints: the set of ids, then all documents at once; a bare array, sorted by id.
 *
 * The documents are asked for in one turn on one connection, so they arrive in order. */
#include "ops/endpoint_answer.h"
#include "ops/ops.h"

static void endpoints_listed(struct store_call *call, enum err err, const struct reply *reply);
static void list_item_read(struct store_call *call, enum err err, const struct reply *reply);

/* One document of the list; lives until its own answer. */
struct list_item {
    struct store_call call;
    struct list_op *list;
};

struct list_op {
    struct op *op; /* NULL once the client is gone */
    enum describe_what what;
    size_t waiting;
    enum err err; /* the first failure */
    struct buf body;
    struct list_item items[];
};

void endpoints_list_start(struct op *op)
{
    const struct slice argv[] = {SLICE("SORT"), SLICE("mr:{sys}:endpoints"), SLICE("ALPHA")};
    store_command(op->node->store, &op->call, argv, COUNT_OF(argv), endpoints_listed);
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
    list->what = endpoint_answer_what(op);
    list->waiting = count;
    (void)buf_put_char(&list->body, '[');
    for (size_t i = 0; i < count; i++) {
        list->items[i].list = list;
        queue_describe(op->node->store, &list->items[i].call, reply_slice(reply_at(reply, i)),
                       list->what, list_item_read);
    }
}

static void list_end(struct list_op *list)
{
    (void)buf_put_char(&list->body, ']');
    if (list->op != NULL) {
        list->op->list = NULL;
        if (list->err == ERR_OK) {
            op_reply_json(list->op, 200, buf_slice(&list->body));
        } else {
            op_reply_store_error(list->op, list->err);
        }
    }
    buf_done(&list->body);
    free(list);
}

static void list_item_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct list_item *item = container_of(call, struct list_item, call);
    struct list_op *list = item->list;
    struct endpoint_view view;
    if (err == ERR_OK) {
        err = queue_describe_result(reply, &view);
    }
    if (err == ERR_OK) {
        (void)buf_put_str(&list->body, list->body.len > 1 ? "," : "");
        endpoint_answer_put(&list->body, &view, list->what);
    } else if (err != ERR_NOT_FOUND && list->err == ERR_OK) {
        list->err = err;
    }
    if (--list->waiting == 0) {
        list_end(list);
    }
}
