/* The only loop of the scheduler: read state -> decide -> apply.
 *
 * Runs once a second while leading, and at once when woken; one round at a time. */
#ifndef SCHEDULER_TICK_H
#define SCHEDULER_TICK_H

#include "base/metrics.h"
#include "drivers/kubernetes.h"
#include "drivers/slots.h"
#include "leader.h"
#include "sweep.h"

#define TICK_MS 1000
#define TICK_WAKE_MS 50 /* between two woken rounds; doubles while they change nothing */

struct tick {
    struct roster roster;
    struct histogram rounds; /* how long they took */
    /* private */
    struct loop *loop;
    struct store *store;
    const struct leader *leader;
    struct kubernetes *kubernetes; /* owned; NULL: not used */
    void (*on_refused)(void *arg);
    void *arg;
    struct sweep sweep;
    struct gather writes;
    struct timer timer;
    uint64_t started_ms; /* loop time of the last round's begin */
    uint64_t began_us;
    uint64_t gap_ms; /* between the last round and one that is woken */
    size_t changes;  /* of this round */
    bool is_active;  /* leading */
    bool is_running; /* a round is on its way */
    bool is_woken;   /* since the last round began */
    bool is_failing; /* the last round failed, which has been logged */
};

struct tick_config {
    struct loop *loop;
    struct store *store;
    struct bus *bus;
    const struct leader *leader;
    const struct kubernetes_config *kubernetes; /* its settings; NULL: it is not used */
    void (*on_refused)(void *arg);              /* a younger leader exists */
    void *arg;
};

void tick_init(struct tick *tick, const struct tick_config *config);
void tick_begin_leading(struct tick *tick);
void tick_end_leading(struct tick *tick); /* a round on its way writes nothing any more */
void tick_wake(struct tick *tick);
void tick_done(struct tick *tick);

#endif
