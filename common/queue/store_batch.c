/* What may be done with each script's calls, and the life of a batch.
 *
 * A joined call whose script raises an error has failed as a whole, although one item may be the
 * cause (a key of the wrong type). Then the items go again, one by one, where that is safe: the
 * items of append, chunks, progress, read and finish are each complete in themselves and answer
 * alike when repeated (finish takes a broken record for itself, without raising). submit is
 * different: its items become jobs together, at its end, and an item repeated alone would be told
 * that it is stored. So submit reads all that an item alone can break by pcall and answers the
 * error in that item's place; what still raises is a key of the whole endpoint, and no item is
 * stored. */
#include "queue/store_batch.h"

#include <hiredis/hiredis.h>

#include "queue/store_core.h"

#define COMMAND_MAX ((size_t)512 << 20)
#define BULK_FRAME_MAX 28 /* dollar sign, length and line ends of a bulk string */

static const struct {
    bool joins;         /* takes several items, answers one element for each */
    bool is_repeatable; /* sent again it does no harm and answers alike */
    bool is_divisible;  /* joined, but each item is complete in itself */
} traits[SCRIPT_COUNT] = {
    [SCRIPT_ADOPT] = {false, true, false},
    [SCRIPT_AGENTS] = {false, true, false},
    [SCRIPT_APPEND] = {true, true, true},
    [SCRIPT_ASSIGN] = {false, true, false},
    [SCRIPT_ATTEND] = {false, true, false},
    [SCRIPT_BALANCE] = {false, true, false},
    [SCRIPT_BEAT] = {false, true, false},
    [SCRIPT_CANCEL] = {false, true, false},
    [SCRIPT_CONFIGURE] = {false, false, false},
    [SCRIPT_CHUNKS] = {true, true, true},
    [SCRIPT_EXPIRE] = {false, true, false},
    [SCRIPT_EXPLAIN] = {true, true, false}, /* shared */
    [SCRIPT_FINISH] = {true, true, true},
    [SCRIPT_FREED] = {false, true, false},
    [SCRIPT_CRASHED] = {false, false, false},
    [SCRIPT_DESCRIBE] = {false, true, false},
    [SCRIPT_DISSOLVE] = {false, true, false},
    [SCRIPT_GRANT] = {false, true, false},
    [SCRIPT_REVOKE] = {false, false, false},
    [SCRIPT_HEALTH] = {false, true, false},
    [SCRIPT_LEAD] = {false, true, false},
    [SCRIPT_LOG] = {false, true, false},
    [SCRIPT_LOST] = {false, true, false},
    [SCRIPT_PIN] = {false, true, false},
    [SCRIPT_PROGRESS] = {true, true, true},
    [SCRIPT_PROVEN] = {false, true, false},
    [SCRIPT_PURGE] = {false, true, false},
    [SCRIPT_READ] = {true, true, true},
    [SCRIPT_RECENT] = {false, true, false},
    [SCRIPT_RECLAIM] = {false, true, false},
    [SCRIPT_RENEW] = {false, true, false},
    [SCRIPT_REPORT] = {false, true, false},
    [SCRIPT_RETRY] = {false, false, false},
    [SCRIPT_STREAM] = {false, true, false},
    [SCRIPT_SUBMIT] = {true, true, false},
    [SCRIPT_SWEEP] = {false, true, false},
    [SCRIPT_TAKE] = {false, false, false},
    [SCRIPT_HOOK_AGAIN] = {false, true, false},
    [SCRIPT_HOOK_DEFER] = {false, true, false},
    [SCRIPT_HOOK_DONE] = {false, true, false},
    [SCRIPT_HOOK_READ] = {false, true, false},
    /* what was claimed is due again after its lease */
    [SCRIPT_HOOK_TAKE] = {false, false, false},
};

static void put_bulk(struct buf *out, struct slice arg)
{
    (void)buf_put_char(out, '$');
    (void)buf_put_i64(out, (int64_t)arg.len);
    (void)buf_put(out, "\r\n", 2);
    (void)buf_put_slice(out, arg);
    (void)buf_put(out, "\r\n", 2);
}

struct store_batch *batch_new(enum script_id script)
{
    struct store_batch *batch = xcalloc(1, sizeof(*batch));
    list_init(&batch->link);
    list_init(&batch->open_link);
    batch->script = script;
    buf_init(&batch->args, COMMAND_MAX);
    return batch;
}

void batch_free(struct store_batch *batch)
{
    list_unlink(&batch->link);
    list_unlink(&batch->open_link);
    buf_done(&batch->args);
    reply_free(batch->answered);
    free(batch->prefix);
    free(batch->only);
    free(batch->items);
    free(batch);
}

static void batch_add_call(struct store_batch *batch, struct store_call *call)
{
    if (batch->count == batch->cap) {
        batch->cap = batch->cap ? batch->cap * 2 : 1;
        batch->items = xrealloc(batch->items, batch->cap * sizeof(struct batch_item));
    }
    if (call != NULL) {
        call->batch = batch;
        call->index = batch->count;
    }
    batch->items[batch->count++] = (struct batch_item){call, batch->arg_count, batch->args.len};
}

void batch_add(struct store_batch *batch, struct store_call *call, const struct slice *args,
               size_t count)
{
    size_t room = 0;
    for (size_t i = 0; i < count; i++) {
        room += args[i].len + BULK_FRAME_MAX;
    }
    (void)buf_reserve(&batch->args, room);
    for (size_t i = 0; i < count; i++) {
        put_bulk(&batch->args, args[i]);
    }
    batch->arg_count += count;
    batch_add_call(batch, call);
}

bool batch_joins(enum script_id script)
{
    return script != NO_SCRIPT && traits[script].joins;
}

/* Says the same to all: its calls have no arguments and each gets the whole reply. */
static bool is_shared(enum script_id script)
{
    return script == SCRIPT_EXPLAIN;
}

/* The element of the reply that belongs to one call. */
static const redisReply *item_of(const struct store_batch *batch, const redisReply *reply,
                                 size_t index)
{
    if (!batch_joins(batch->script) || is_shared(batch->script)) {
        return reply;
    }
    bool is_there = reply->type == REDIS_REPLY_ARRAY && index < reply->elements;
    return is_there ? reply->element[index] : NULL;
}

void batch_end(struct store_batch *batch, enum err err, const struct redisReply *reply)
{
    list_unlink(&batch->link);
    bool has_reply = err == ERR_OK || err == ERR_STORE_UNACKED;
    for (size_t i = 0; i < batch->count; i++) {
        struct store_call *call = batch->items[i].call;
        if (call != NULL) {
            const redisReply *item = has_reply ? item_of(batch, reply, i) : NULL;
            bool is_error = item != NULL && item->type == REDIS_REPLY_ERROR;
            enum err own = is_error ? store_error_of(call->store, item) : err;
            call->batch = NULL;
            call->fn(call, own, is_error ? NULL : (const struct reply *)item);
        }
    }
    batch_free(batch);
}

bool batch_is_repeatable(const struct store_batch *batch)
{
    return batch->script == NO_SCRIPT || traits[batch->script].is_repeatable;
}

static struct store_batch *batch_part(const struct store_batch *batch, size_t index)
{
    const struct batch_item *item = &batch->items[index];
    size_t byte_start = index > 0 ? item[-1].byte_end : 0;
    struct store_batch *part = batch_new(batch->script);
    part->prefix = xstrdup(batch->prefix);
    part->seq = batch->seq;
    part->slot = batch->slot;
    part->created_ms = batch->created_ms;
    part->is_durable = batch->is_durable;
    part->arg_count = item->args_end - (index > 0 ? item[-1].args_end : 0);
    (void)buf_put(&part->args, batch->args.ptr + byte_start, item->byte_end - byte_start);
    batch_add_call(part, item->call);
    return part;
}

bool batch_divide(struct store_batch *batch, struct list *ret_parts)
{
    if (batch->script == NO_SCRIPT || !traits[batch->script].is_divisible || batch->count < 2) {
        return false;
    }
    for (size_t i = 0; i < batch->count; i++) {
        list_push(ret_parts, &batch_part(batch, i)->link);
    }
    batch_free(batch);
    return true;
}

struct store_batch *batch_first(const struct list *batches)
{
    return list_is_empty(batches) ? NULL : container_of(batches->next, struct store_batch, link);
}

void batch_insert(struct list *batches, struct store_batch *batch)
{
    struct list *after = batches->prev;
    while (after != batches && container_of(after, struct store_batch, link)->seq > batch->seq) {
        after = after->prev;
    }
    list_unlink(&batch->link);
    list_push_front(after, &batch->link);
}

void batch_put_head(const struct store_batch *batch, const char *sha, struct buf *out)
{
    buf_init(out, COMMAND_MAX);
    bool is_script = batch->script != NO_SCRIPT;
    (void)buf_put_char(out, '*');
    (void)buf_put_i64(out, (int64_t)(batch->arg_count + (is_script ? 4 : 0)));
    (void)buf_put(out, "\r\n", 2);
    if (!is_script) {
        (void)buf_put_slice(out, buf_slice(&batch->args));
        return;
    }
    const struct script *script = &scripts[batch->script];
    put_bulk(out, batch->needs_text ? SLICE("EVAL") : SLICE("EVALSHA"));
    put_bulk(out, batch->needs_text ? (struct slice){script->text, script->len}
                                    : (struct slice){sha, 40});
    put_bulk(out, SLICE("1"));
    put_bulk(out, slice_of(batch->prefix));
}
