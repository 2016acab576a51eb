/* A look into the outboxes of all endpoints, deleted ones included, by one node of all each few
 * seconds: finds what a lost hint left lying. */
#ifndef API_HOOK_ROUND_H
#define API_HOOK_ROUND_H

#include "net/loop.h"
#include "queue/store.h"

struct hook_round;
typedef void (*hook_round_fn)(struct slice id, void *arg); /* the outbox of id is not empty */

/* node_id is borrowed. */
struct hook_round *hook_round_new(struct loop *loop, struct store *store, const char *node_id,
                                  hook_round_fn fn, void *arg);
void hook_round_begin(struct hook_round *round); /* now, without asking whose turn it is */
void hook_round_stop(struct hook_round *round);  /* begins no further look */
void hook_round_free(struct hook_round *round);  /* accepts NULL */

#endif
