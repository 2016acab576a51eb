/* The workers of load-balancing endpoints as this node knows them, and who waits for one.
 *
 * The list comes from Redis: workers and their states as the agents report them, agents' gates and
 * their secrets. While requests wait or run it is read again each POOL_READ_MS, and the node tells
 * how many there are, which is what the scheduler scales by. */
#ifndef API_POOL_H
#define API_POOL_H

#include "base/list.h"
#include "net/loop.h"
#include "pick.h"

#define POOL_READ_MS 500

struct node;
struct pools;
struct pool;

struct pool_worker {
    struct list link; /* pool.workers */
    struct pool *pool;
    char id[80];
    char gate[300];  /* HOST:PORT */
    char secret[64]; /* of the gate */
    size_t in_flight;
    uint64_t turn;
    bool is_ready, is_gone;
    uint64_t bad_until_ms; /* it refused or could not be reached */
};

struct pool_waiter;
/* Look again: pool_pick(). May leave from inside. */
typedef void (*pool_fn)(struct pool_waiter *waiter);
/* Embedded; zeroed memory is not waiting. */
struct pool_waiter {
    struct list link; /* pool.waiters */
    struct pool *pool;
    pool_fn fn;
};

struct pools *pools_new(struct node *node);
void pools_free(struct pools *pools); /* nobody waits and nothing runs; accepts NULL */
struct pool *pool_get(struct pools *pools, struct slice ep);
/* Waits for news of the workers; fn is called soon, and after each reading until it leaves. */
void pool_join(struct pool *pool, struct pool_waiter *waiter, pool_fn fn);
void pool_leave(struct pool_waiter *waiter); /* harmless when it has not joined */
/* On PICK_FOUND the request counts at the worker until pool_done(). PICK_WAIT also while nothing
 * has been read yet. */
enum pick_outcome pool_pick(struct pool *pool, const struct affinity *affinity,
                            struct pool_worker **ret_worker);
void pool_done(struct pool_worker *worker);
void pool_blame(struct pool_worker *worker); /* it refused or could not be reached */

#endif
