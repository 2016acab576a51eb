/* Calls to Redis: one Redis, the master behind sentinels, or the nodes of a cluster.
 *
 * Calls gather during a loop turn and leave together at its end. Each call ends exactly once, by
 * its callback, later, or silently by store_detach(). While Redis is away calls wait, in order, for
 * at most wait_ms, then end with ERR_STORE_AWAY; a reconnect with back-off goes on for ever, to
 * where the master is now. A call that was on its way when the connection broke is sent again when
 * its transition is safe to repeat (all but a few, see `traits` in store_batch.c), else it ends
 * with ERR_STORE_LOST. While a cluster moves the slot of an endpoint its calls wait, for at most 30
 * s. Calls of the same script for the same endpoint in one turn travel as one EVALSHA (group
 * commit).
 */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include "base/buf.h"
#include "base/list.h"
#include "net/loop.h"
#include "queue/scripts.h"

struct store;
struct store_call;
struct reply; /* borrowed during the callback */

/* reply is NULL when err is neither ERR_OK nor ERR_STORE_UNACKED. */
typedef void (*store_fn)(struct store_call *call, enum err err, const struct reply *reply);

/* Embedded in the operation that waits; zeroed memory is an idle call. */
struct store_call {
    /* private */
    store_fn fn;
    struct store *store;
    struct store_batch *batch;
    size_t index; /* which item of the batch is ours */
};

struct store_config {
    const char *url; /* see store_url.h */
    /* Instead of url: the same Redis, and what is known about its nodes; connects to those nodes
     * only that are needed. Closed before that one. */
    struct store *beside;
    uint64_t wait_ms;  /* longest wait for a connection; 0: 10 s */
    uint64_t reply_ms; /* a connection that answers nothing for so long is broken; 0: 10 s */
    /* Called on the loop when the connection to a node is ready (true) and when one is lost. */
    void (*on_change)(void *arg, bool is_ready);
    void *arg;
};

/* Checks the URL without connecting; on ERR_BAD_REQUEST problem holds a text that says what is
 * wrong and what is allowed. */
enum err store_check_url(const char *url, struct buf *problem);
/* Connects in the background. The URL must be valid. */
struct store *store_new(struct loop *loop, const struct store_config *config);
/* Ends all calls with ERR_CLOSING and frees. Not from inside one of its callbacks. Accepts NULL. */
void store_close(struct store *store);
bool store_is_ready(const struct store *store); /* one node at least */
/* Why Redis is away or refused the last write ("Connection refused", "OOM command not allowed
 * ..."). Never NULL. */
const char *store_problem(const struct store *store);

/* Arguments are copied before it returns. The second one, when there is one, is the key: no command
 * may have keys of two endpoints. */
void store_command(struct store *store, struct store_call *call, const struct slice *args,
                   size_t count, store_fn fn);
/* One transition of one endpoint ("sys" for the common keys): KEYS[1] is "mr:{ep}:". For the
 * scripts that take several items in ARGV (submit, finish, progress, append, read) the callback
 * gets the reply element of its own item; the calls of explain share one reply. */
void store_eval(struct store *store, struct store_call *call, enum script_id script,
                struct slice ep, const struct slice *args, size_t count, store_fn fn);
/* The same, but it ends only when a replica has the write too (WAIT), on a connection of its own.
 * ERR_STORE_UNACKED: none said so within 2 s; Redis has done it, and reply is what it said. Only
 * for scripts that are safe to repeat. */
void store_eval_durable(struct store *store, struct store_call *call, enum script_id script,
                        struct slice ep, const struct slice *args, size_t count, store_fn fn);
/* The waiting call will not call back. Harmless on an idle call. */
void store_detach(struct store_call *call);
/* As store_detach(), and nobody needs it done any more: what has not been sent yet is forgotten,
 * with the memory of its arguments, and what was on its way when a connection broke is not sent
 * again. */
void store_withdraw(struct store_call *call);
bool store_call_is_waiting(const struct store_call *call);

/* Reading a reply: wrong types give "absent" values, never a crash. */
size_t reply_count(const struct reply *reply);                         /* 0 unless an array */
const struct reply *reply_at(const struct reply *reply, size_t index); /* NULL beyond the end */
struct slice reply_slice(const struct reply *reply); /* empty unless a string or status */
int64_t reply_int(const struct reply *reply, int64_t otherwise); /* integers and decimal strings */
bool reply_is_nil(const struct reply *reply);                    /* nil, or reply is NULL */

/* A further connection, beside a store's, that listens to channels. fn gets each message; after
 * every (re)subscription it gets a message of length 0 on each channel, because some may have been
 * missed. In a cluster any node hears all. Closed before the store. */
struct feed;
typedef void (*feed_fn)(struct slice channel, struct slice message, void *arg);
struct feed *feed_new(struct store *store, feed_fn fn, void *arg);
void feed_add(struct feed *feed, const char *channel);
void feed_close(struct feed *feed); /* accepts NULL */

#endif
