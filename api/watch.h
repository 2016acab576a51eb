/* Who waits for which job on this node.
 *
 * A waiter is told of bus frames about its job, and each WATCH_CHECK_MS to look into Redis, because
 * frames may be lost. A frame's payload counts only when its token is the job's.
 * Frames about chunks go to all waiters that did not ask to be spared. */
#ifndef API_WATCH_H
#define API_WATCH_H

#include "base/list.h"
#include "net/bus.h"
#include "net/loop.h"

#define WATCH_CHECK_MS 900

struct waiter;
/* final: the job object from the bus, borrowed, when the frame brought it and its token is right;
 * else empty: look into Redis. The waiter may leave from inside. */
typedef void (*waiter_fn)(struct waiter *waiter, struct slice final);
/* chunks: payload of a BUS_CHUNKS frame whose token is right, borrowed. May leave from inside. */
typedef void (*waiter_chunks_fn)(struct waiter *waiter, struct slice chunks);

/* Embedded in the operation that waits; zeroed memory is not waiting. */
struct waiter {
    waiter_fn fn;
    waiter_chunks_fn on_chunks; /* set by the owner; NULL: new chunks call fn, to look */
    bool is_for_end;            /* set by the owner: not told of chunks, progress and start */
    char token[20];             /* of the job, empty while not known */
    /* private */
    struct watch *watch;
    struct watched *watched;
    struct list link;
    struct timer timer;
};

struct watch;
struct watch *watch_new(struct loop *loop);
void watch_free(struct watch *watch); /* nobody may be waiting; accepts NULL */
void watch_join(struct watch *watch, struct waiter *waiter, struct slice id, waiter_fn fn);
void watch_leave(struct waiter *waiter); /* harmless when not waiting */
bool watch_is_waiting(const struct waiter *waiter);
void watch_token(struct waiter *waiter, struct slice token);
/* A frame from the bus. */
void watch_notify(struct watch *watch, const struct bus_frame *frame);
/* Tells every waiter to look, when the node drains. */
void watch_stir(struct watch *watch);

#endif
