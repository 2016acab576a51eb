/* What travels to Redis as one command: a plain command, or the items that calls of the same script
 * and endpoint brought in one turn of the loop. Private to store*.c.
 *
 * A batch is in exactly one list at a time: waiting or sent in a lane, held in a stall, or homeless
 * while nobody knows which node it belongs to. `seq` is its place among all batches of the store.
 */
#ifndef QUEUE_STORE_BATCH_H
#define QUEUE_STORE_BATCH_H

#include "base/spares.h"
#include "queue/store.h"
#include "queue/store_url.h"

#define NO_SCRIPT SCRIPT_COUNT

struct redisReply;

struct batch_item {
    struct store_call *call;   /* NULL where detached */
    size_t args_end, byte_end; /* of the batch's arguments, up to and with this item's */
};

struct store_batch {
    struct spares *pool;
    struct list link;
    struct list open_link; /* while further items may join */
    enum script_id script; /* NO_SCRIPT: a plain command */
    char *prefix;          /* "mr:{ep}:", scripts only */
    struct buf args;       /* RESP bulk strings; of a plain command all that goes to Redis */
    size_t arg_count;
    size_t fed;               /* bytes of args that the link has taken */
    struct batch_item *items; /* &first or owned */
    struct batch_item first;
    size_t count, cap;
    size_t wanted; /* items that are not withdrawn */
    uint64_t seq, created_ms, sent_ms;
    int slot;                    /* hash slot; 0 where there is no cluster */
    struct store_address *only;  /* owned; goes to that node whatever its slot, or NULL */
    struct redisReply *answered; /* copy; durable: Redis has answered, replicas have not */
    bool is_durable;
    bool is_busy;    /* on its way, or its calls are being told how it ended */
    bool is_wait;    /* WAIT itself: no calls */
    bool is_probe;   /* the one that finds out whether its slot can be used again */
    bool needs_text; /* Redis does not know the script: send EVAL */
};

struct spares batch_spares(void); /* they keep the memory of their arguments */
struct store_batch *batch_new(struct spares *pool, enum script_id script);
void batch_free(struct store_batch *batch);
void batch_add(struct store_batch *batch, struct store_call *call, const struct slice *args,
               size_t count);
/* Ends all calls of the batch and frees it. reply counts with ERR_OK and ERR_STORE_UNACKED.
 * Callbacks may start new calls. */
void batch_end(struct store_batch *batch, enum err err, const struct redisReply *reply);
/* Nobody needs this item done: without any other one the batch is freed, now or, when it is on its
 * way, as soon as it comes back. */
void batch_withdraw(struct store_batch *batch, size_t index);
/* False of WAIT and of what goes to one node whatever its slot. */
bool batch_has_slot(const struct store_batch *batch);
/* It came back from a broken connection, and nobody needs it any more. */
bool batch_is_withdrawn(const struct store_batch *batch);
bool batch_joins(enum script_id script);
bool batch_is_repeatable(const struct store_batch *batch);
/* One batch for each call of a joined one that failed, in order at the end of ret_parts, so that
 * only the guilty one fails again; false when that could do harm or there is but one. Consumes. */
bool batch_divide(struct store_batch *batch, struct list *ret_parts);
/* Inserts by seq: near the end of the list is cheap. */
void batch_insert(struct list *batches, struct store_batch *batch);
struct store_batch *batch_first(const struct list *batches); /* NULL when empty */
/* Appends what is sent before `args`, scripts only. sha: of the script. */
void batch_put_head(const struct store_batch *batch, const char *sha, struct buf *out);

#endif
