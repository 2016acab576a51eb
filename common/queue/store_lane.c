/* Feeding the wire and matching its replies, which come in the order of `sent`.
 *
 * The wire gets a batch in pieces, as the socket takes them, so that large arguments exist once. */
#include "queue/store_lane.h"

#include <hiredis/hiredis.h>

#include "queue/store_core.h"

#define FEED_PIECE ((size_t)64 << 10)
#define ACK_MS "2000"

/* ---- sending ---- */

/* What leaves at once: a plain command whole, of a script's call all up to its arguments, which
 * lane_feed() sends. */
static struct slice lane_begin(struct lane *lane, struct store_batch *batch)
{
    if (batch->script == NO_SCRIPT) {
        return buf_slice(&batch->args);
    }
    buf_clear(&lane->head);
    batch_put_head(batch, lane->sha[batch->script], &lane->head);
    batch->fed = 0;
    lane->feeding = batch->args.len > 0 ? batch : NULL;
    return buf_slice(&lane->head);
}

static void lane_send_batch(struct lane *lane, struct store_batch *batch)
{
    struct slice head = lane_begin(lane, batch);
    list_unlink(&batch->link);
    list_push(&lane->sent, &batch->link);
    batch->sent_ms = loop_now_ms(lane->loop);
    batch->is_busy = true;
    lane->needs_wait = lane->is_durable;
    store_link_send(lane->wire, head);
}

static void lane_send_wait(struct lane *lane)
{
    const struct slice words[] = {SLICE("WAIT"), SLICE("1"), SLICE(ACK_MS)};
    struct store_batch *batch = batch_new(&lane->store->batches, NO_SCRIPT);
    batch_add(batch, NULL, words, COUNT_OF(words));
    batch->is_wait = true;
    lane_send_batch(lane, batch);
    lane->has_wait_out = true;
    lane->needs_wait = false;
}

/* Gives the wire its next bytes; false when there are none. */
static bool lane_feed(struct lane *lane)
{
    struct store_batch *batch = lane->feeding;
    if (batch != NULL) {
        size_t left = batch->args.len - batch->fed;
        size_t piece = left < FEED_PIECE ? left : FEED_PIECE;
        store_link_send(lane->wire, (struct slice){batch->args.ptr + batch->fed, piece});
        batch->fed += piece;
        batch->sent_ms = loop_now_ms(lane->loop);
        lane->feeding = piece < left ? batch : NULL;
    } else if (!list_is_empty(&lane->waiting) && !lane->has_wait_out) {
        lane_send_batch(lane, batch_first(&lane->waiting));
    } else if (lane->needs_wait && !lane->has_wait_out) {
        lane_send_wait(lane);
    } else {
        return false;
    }
    return true;
}

void lane_send(struct lane *lane)
{
    while (store_link_has_room(lane->wire) && lane_feed(lane)) {
        if (!store_link_has_room(lane->wire)) {
            store_link_flush(lane->wire); /* which may make room */
        }
    }
    store_link_flush(lane->wire);
}

/* The only way out of a lane for a batch that ends. */
static void lane_end(struct lane *lane, struct store_batch *batch, enum err err,
                     const redisReply *reply)
{
    if (batch->is_probe) {
        batch->is_probe = false;
        lane->owner->on_probed(lane, batch);
    }
    batch_end(batch, err, reply);
}

/* Coarse on purpose: both limits are seconds. */
void lane_check(struct lane *lane, uint64_t now_ms)
{
    const struct store_batch *oldest = batch_first(&lane->sent);
    if (oldest != NULL && now_ms - oldest->sent_ms > lane->reply_ms) {
        store_link_break(lane->wire, "Redis does not answer");
    }
    while (!list_is_empty(&lane->waiting)) {
        struct store_batch *batch = batch_first(&lane->waiting);
        bool is_moving = lane->feeding != NULL; /* Redis takes what is in front of it */
        if (is_moving || now_ms - batch->created_ms <= lane->wait_ms) {
            break;
        }
        lane_end(lane, batch, ERR_STORE_AWAY, NULL);
    }
}

/* ---- replies ---- */

/* The replicas have answered for all that was sent before. */
static void lane_acknowledged(struct lane *lane, struct store_batch *wait, const redisReply *reply)
{
    struct list ended;
    bool is_acked = reply->type == REDIS_REPLY_INTEGER && reply->integer > 0;
    list_init(&ended);
    list_splice(&ended, &lane->unacked);
    lane->has_wait_out = false;
    batch_free(wait);
    while (!list_is_empty(&ended)) {
        struct store_batch *batch = batch_first(&ended);
        lane_end(lane, batch, is_acked ? ERR_OK : ERR_STORE_UNACKED, batch->answered);
    }
}

static void lane_refused(struct lane *lane, struct store_batch *batch, const redisReply *reply)
{
    struct list parts;
    list_init(&parts);
    batch->is_busy = false;
    if (batch_is_withdrawn(batch)) {
        batch_free(batch);
    } else if (batch->script != NO_SCRIPT && strncmp(reply->str, "NOSCRIPT", 8) == 0) {
        list_unlink(&batch->link);
        batch_insert(&lane->waiting, batch);
        batch->needs_text = true;
    } else if (lane->owner->on_refused(lane, batch, reply->str)) {
        return;
    } else if (!batch->is_probe && batch_divide(batch, &parts)) {
        list_splice(&parts, &lane->waiting);
        list_splice(&lane->waiting, &parts);
    } else {
        lane_end(lane, batch, store_error_of(lane->store, reply), NULL);
    }
}

static void on_reply(redisReply *reply, void *arg)
{
    struct lane *lane = arg;
    struct store_batch *batch = batch_first(&lane->sent);
    if (batch == NULL) {
        store_link_break(lane->wire, reply->type == REDIS_REPLY_ERROR
                                         ? reply->str
                                         : "Redis answers what nobody asked");
    } else if (batch == lane->feeding) {
        store_link_break(lane->wire, "Redis refuses a command before it is complete");
    } else if (batch->is_wait) {
        lane_acknowledged(lane, batch, reply);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        lane_refused(lane, batch, reply);
    } else if (lane->is_durable) {
        batch->answered = reply_copy(reply);
        list_unlink(&batch->link);
        list_push(&lane->unacked, &batch->link);
    } else {
        lane_end(lane, batch, ERR_OK, reply);
    }
}

static void on_ready(void *arg)
{
    struct lane *lane = arg;
    lane->owner->on_ready(lane);
}

/* What may be repeated is in front of `waiting` again, in its order; what may not is in ret_lost.
 */
static void lane_take_back(struct lane *lane, struct list *ret_lost)
{
    struct list again;
    list_init(&again);
    lane->feeding = NULL;
    lane->has_wait_out = lane->needs_wait = false;
    list_splice(&lane->unacked, &lane->sent);
    list_each_safe (at, &lane->unacked) {
        struct store_batch *batch = container_of(at, struct store_batch, link);
        if (batch->is_wait || batch_is_withdrawn(batch)) {
            batch_free(batch);
            continue;
        }
        batch->is_busy = false;
        reply_free(steal(batch->answered));
        list_unlink(&batch->link);
        list_push(batch_is_repeatable(batch) ? &again : ret_lost, &batch->link);
    }
    list_splice(&again, &lane->waiting);
    list_splice(&lane->waiting, &again);
}

static void lane_end_all(struct lane *lane, struct list *batches, enum err err)
{
    while (!list_is_empty(batches)) {
        lane_end(lane, batch_first(batches), err, NULL);
    }
}

static void on_lost(void *arg)
{
    struct lane *lane = arg;
    struct list lost;
    list_init(&lost);
    lane_take_back(lane, &lost);
    lane_end_all(lane, &lost, ERR_STORE_LOST);
    lane->owner->on_lost(lane);
}

static void on_failed(void *arg)
{
    struct lane *lane = arg;
    lane->owner->on_failed(lane);
}

/* ---- life ---- */

struct lane *lane_new(const struct lane_config *config, const struct lane_owner *owner)
{
    struct lane *lane = xcalloc(1, sizeof(*lane));
    lane->store = config->store;
    lane->owner = owner;
    lane->loop = config->wire.loop;
    lane->address = *config->address;
    lane->name = store_address_text(config->address);
    lane->sha = config->sha;
    lane->wait_ms = config->wait_ms;
    lane->reply_ms = config->reply_ms;
    lane->is_durable = config->is_durable;
    list_init(&lane->link);
    list_init(&lane->waiting);
    list_init(&lane->sent);
    list_init(&lane->unacked);
    lane->wire = store_link_new(&config->wire, config->address,
                                &(struct store_link_owner){.on_ready = on_ready,
                                                           .on_lost = on_lost,
                                                           .on_reply = on_reply,
                                                           .on_failed = on_failed,
                                                           .arg = lane});
    return lane;
}

void lane_close(struct lane *lane, enum err err, struct list *ret_rest)
{
    struct list lost;
    list_init(&lost);
    store_link_close(lane->wire);
    list_unlink(&lane->link);
    lane_take_back(lane, &lost);
    list_splice(ret_rest, &lane->waiting);
    lane_end_all(lane, &lost, err);
    buf_done(&lane->head);
    free(lane->name);
    free(lane);
}

bool lane_is_ready(const struct lane *lane)
{
    return store_link_is_ready(lane->wire);
}

bool lane_is_empty(const struct lane *lane)
{
    return list_is_empty(&lane->waiting) && list_is_empty(&lane->sent) &&
           list_is_empty(&lane->unacked);
}

static bool has_of_slot(const struct list *batches, int slot)
{
    list_each (at, batches) {
        const struct store_batch *batch = container_of(at, struct store_batch, link);
        if (batch_has_slot(batch) && batch->slot == slot) {
            return true;
        }
    }
    return false;
}

bool lane_has_sent_of(const struct lane *lane, int slot)
{
    return has_of_slot(&lane->sent, slot) || has_of_slot(&lane->unacked, slot);
}
