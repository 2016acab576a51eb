/* Calls to the store that leave together and end in one continuation.
 *
 *   gather_begin -> gather_add / gather_read ... -> gather_end -> (answers) -> then, exactly once
 *
 * An outage (Redis away, connection lost, closing) is remembered in `err`; a single call that Redis
 * refuses gives its function a NULL reply, so that one bad key does not stop all the others. */
#ifndef SCHEDULER_GATHER_H
#define SCHEDULER_GATHER_H

#include "queue/store.h"

struct gather;
typedef void (*gather_fn)(void *target, const struct reply *reply);
typedef void (*gather_then_fn)(struct gather *gather);

struct gather {
    struct store *store;
    enum err err; /* ERR_OK, or the outage that made this round incomplete */
    /* private */
    struct list calls; /* gather_call.link */
    gather_then_fn then;
};

void gather_init(struct gather *gather, struct store *store);
void gather_done(struct gather *gather); /* what still waits will not call back */

void gather_begin(struct gather *gather, gather_then_fn then);
/* For queue_*(): pass the result as the call and gather_arrived as the function. fn may be NULL. */
struct store_call *gather_add(struct gather *gather, gather_fn fn, void *target);
void gather_arrived(struct store_call *call, enum err err, const struct reply *reply);
/* One command, words separated by single blanks in the format's result. */
void gather_read(struct gather *gather, gather_fn fn, void *target, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* `then` follows when the last answer is in; at once when nothing was asked. */
void gather_end(struct gather *gather);
bool gather_is_busy(const struct gather *gather);

#endif
