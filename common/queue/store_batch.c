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
#define SPARE_ARGS_MAX ((size_t)4 << 10)
#define COUNT_MAX 23 /* sign, number, line end */
#define BULK_FRAME_MAX (COUNT_MAX + 2)

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

/* "*3\r\n" or "$11\r\n"; returns where to go on. */
static char *write_count(char *at, char sign, size_t count)
{
    char digits[20];
    char *first = digits + sizeof(digits);
    do {
        *--first = (char)('0' + count % 10);
        count /= 10;
    } while (count > 0);
    *at++ = sign;
    while (first < digits + sizeof(digits)) {
        *at++ = *first++;
    }
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

static char *write_bulk(char *at, struct slice arg)
{
    if (arg.len < 10) { /* most names are that short */
        const char frame[] = {'$', (char)('0' + arg.len), '\r', '\n'};
        memcpy(at, frame, sizeof(frame));
        at += sizeof(frame);
    } else {
        at = write_count(at, '$', arg.len);
    }
    if (arg.len > 0) {
        memcpy(at, arg.ptr, arg.len);
        at += arg.len;
    }
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

/* Room for so much more is reserved once, then written without a further look. */
static void put_bulks(struct buf *out, size_t announced, const struct slice *args, size_t count)
{
    size_t room = COUNT_MAX;
    for (size_t i = 0; i < count; i++) {
        room += args[i].len + BULK_FRAME_MAX;
    }
    ensure(buf_reserve(out, room) == ERR_OK);
    char *at = out->ptr + out->len;
    if (announced > 0) {
        at = write_count(at, '*', announced);
    }
    for (size_t i = 0; i < count; i++) {
        at = write_bulk(at, args[i]);
    }
    out->len = (size_t)(at - out->ptr);
}

static void end_batch(void *batch)
{
    buf_done(&((struct store_batch *)batch)->args);
}

struct spares batch_spares(void)
{
    return SPARES_KEEPING(struct store_batch, end_batch);
}

struct store_batch *batch_new(struct spares *pool, enum script_id script)
{
    struct store_batch *batch = spares_take(pool);
    *batch = (struct store_batch){.pool = pool, .script = script, .args = batch->args};
    batch->args.max = COMMAND_MAX;
    list_init(&batch->link);
    list_init(&batch->open_link);
    return batch;
}

void batch_free(struct store_batch *batch)
{
    list_unlink(&batch->link);
    list_unlink(&batch->open_link);
    reply_free(batch->answered);
    free(batch->prefix);
    free(batch->only);
    if (batch->items != &batch->first) {
        free(batch->items);
    }
    if (batch->args.cap > SPARE_ARGS_MAX) {
        buf_done(&batch->args);
    }
    buf_clear(&batch->args);
    spares_give(batch->pool, batch);
}

/* Most batches have one item and no memory beside their own. */
static void batch_grow(struct store_batch *batch)
{
    if (batch->cap == 0) {
        batch->items = &batch->first;
        batch->cap = 1;
        return;
    }
    bool was_first = batch->items == &batch->first;
    batch->cap *= 2;
    batch->items = xrealloc(was_first ? NULL : batch->items, batch->cap * sizeof(*batch->items));
    if (was_first) {
        batch->items[0] = batch->first;
    }
}

static void batch_add_call(struct store_batch *batch, struct store_call *call)
{
    if (batch->count == batch->cap) {
        batch_grow(batch);
    }
    if (call != NULL) {
        call->batch = batch;
        call->index = batch->count;
    }
    batch->wanted++;
    batch->items[batch->count++] = (struct batch_item){call, batch->arg_count, batch->args.len};
}

void batch_add(struct store_batch *batch, struct store_call *call, const struct slice *args,
               size_t count)
{
    put_bulks(&batch->args, batch->script == NO_SCRIPT ? count : 0, args, count);
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
    batch->is_busy = true; /* who is told may withdraw its neighbours */
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

bool batch_is_withdrawn(const struct store_batch *batch)
{
    return batch->wanted == 0 && !batch->is_probe; /* a probe is waited for by all of its slot */
}

void batch_withdraw(struct store_batch *batch, size_t index)
{
    batch->items[index].call = NULL;
    batch->wanted--;
    if (batch_is_withdrawn(batch) && !batch->is_busy) {
        batch_free(batch);
    }
}

bool batch_has_slot(const struct store_batch *batch)
{
    return batch->only == NULL && !batch->is_wait;
}

bool batch_is_repeatable(const struct store_batch *batch)
{
    return batch->script == NO_SCRIPT || traits[batch->script].is_repeatable;
}

static struct store_batch *batch_part(const struct store_batch *batch, size_t index)
{
    const struct batch_item *item = &batch->items[index];
    size_t byte_start = index > 0 ? item[-1].byte_end : 0;
    struct store_batch *part = batch_new(batch->pool, batch->script);
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
    const struct script *script = &scripts[batch->script];
    const struct slice text = {script->text, script->len};
    const struct slice words[] = {
        batch->needs_text ? SLICE("EVAL") : SLICE("EVALSHA"),
        batch->needs_text ? text : (struct slice){sha, 40},
        SLICE("1"),
        slice_of(batch->prefix),
    };
    put_bulks(out, batch->arg_count + COUNT_OF(words), words, COUNT_OF(words));
}
