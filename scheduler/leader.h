/* The scheduler's lock: at most one process leads, and each leadership has a larger epoch.
 *
 * The lock in Redis lapses after LEADER_LOCK_MS. A leader believes in itself for as long only as
 * the lock it has last been told of cannot have lapsed, counted from before the question was sent.
 */
#ifndef SCHEDULER_LEADER_H
#define SCHEDULER_LEADER_H

#include "queue/queue.h"

#define LEADER_LOCK_MS 5000
#define LEADER_RENEW_MS 1500 /* three tries within the lock */
#define LEADER_FOLLOW_MS \
    1000 /* so a dead leader is followed within 6 s, a leaving one within 1 s */

struct leader {
    int64_t epoch;          /* 0 while another one leads */
    struct lease_term term; /* when leases may be swept, as last told */
    /* private */
    struct loop *loop;
    struct store *store;
    char *id; /* owned; unique to this process, so that a namesake cannot share the lock */
    void (*on_change)(void *arg, bool is_leading);
    void *arg;
    struct timer timer;
    struct store_call call;
    int64_t epoch_seen;     /* largest so far: Redis may come back with an older one */
    uint64_t sent_ms;       /* when the question on its way was asked */
    uint64_t lock_until_ms; /* monotonic */
    void (*on_resigned)(void *arg);
};

struct leader_config {
    struct loop *loop;
    struct store *store;
    const char *node_id;
    void (*on_change)(void *arg, bool is_leading); /* once for each gain and each loss */
    void *arg;
};

void leader_start(struct leader *leader, const struct leader_config *config);
void leader_reconnected(struct leader *leader); /* Redis is there again: ask without waiting */
/* Reads the clock: true at the moment of the call, also in a process that has just been paused. */
bool leader_is_leading(const struct leader *leader);
/* Redis has refused a write because a younger leader exists. */
void leader_depose(struct leader *leader);
/* Gives the lock up; on_resigned(arg) follows when Redis has answered, or cannot. */
void leader_resign(struct leader *leader, void (*on_resigned)(void *arg));
void leader_done(struct leader *leader);

#endif
