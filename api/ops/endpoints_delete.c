/* DELETE /v1/endpoints/:id: forget the document -> end the jobs, page by page -> into the set of
 * those that may have webhooks left -> out of the set of endpoints.
 *
 * From the first step on nothing is accepted any more, so the pages have an end. A delete that a
 * crash cut short is completed by the next one, though that one answers 404. */
#include "ops/ops.h"
#include "queue/queue_manage.h"

#define DISSOLVE_PAGE 500

static void delete_forgotten(struct store_call *call, enum err err, const struct reply *reply);
static void delete_dissolve(struct op *op);
static void delete_dissolved(struct store_call *call, enum err err, const struct reply *reply);
static void delete_listed(struct store_call *call, enum err err, const struct reply *reply);
static void delete_unlisted(struct store_call *call, enum err err, const struct reply *reply);

void endpoints_delete_start(struct op *op)
{
    queue_delete(op->node->store, &op->call, op_id(op), delete_forgotten);
}

static void delete_forgotten(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    op->is_missing = reply_int(reply, 0) == CONFIGURE_UNKNOWN;
    delete_dissolve(op);
}

static void delete_dissolve(struct op *op)
{
    queue_dissolve(op->node->store, &op->call, op_id(op), DISSOLVE_PAGE, delete_dissolved);
}

static void delete_announce(struct op *op, const struct reply *reply, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct job_change change;
        queue_dissolve_watched(reply, i, &change);
        const struct bus_frame frame = {
            .kind = BUS_LOOK, .ep = op_id(op), .id = change.id, .token = change.token};
        bus_publish(op->node->bus, change.watchers, &frame);
    }
}

static void delete_dissolved(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct dissolve_page page;
    if (err == ERR_OK) {
        err = queue_dissolve_result(reply, &page);
    }
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    delete_announce(op, reply, page.watched_count);
    if (page.has_more) {
        delete_dissolve(op);
        return;
    }
    const struct slice argv[] = {SLICE("SADD"), SLICE("mr:{sys}:left"), op_id(op)};
    store_command(op->node->store, &op->call, argv, COUNT_OF(argv), delete_listed);
}

static void delete_listed(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)reply;
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    const struct slice argv[] = {SLICE("SREM"), SLICE("mr:{sys}:endpoints"), op_id(op)};
    store_command(op->node->store, &op->call, argv, COUNT_OF(argv), delete_unlisted);
}

static void delete_unlisted(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)reply;
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
    } else if (op->is_missing) {
        op_reply_error(op, ERR_NOT_FOUND, "there is no such endpoint");
    } else {
        op_reply(op, &(struct http_answer){.status = 204});
    }
}
