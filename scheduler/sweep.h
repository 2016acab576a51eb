/* Deadlines: ends or returns jobs whose time is over, and tells their watchers. */
#ifndef SCHEDULER_SWEEP_H
#define SCHEDULER_SWEEP_H

#include "net/bus.h"
#include "roster.h"

#define SWEEP_MS 1000
#define SWEEP_PAGE 200 /* jobs in one script call: about a millisecond of Redis */

struct sweep {
    /* private */
    struct store *store;
    struct bus *bus;
    struct table endpoints; /* sweep_endpoint */
    uint64_t due_ms;        /* loop time */
    bool is_active;
};

void sweep_init(struct sweep *sweep, struct store *store, struct bus *bus);
void sweep_done(struct sweep *sweep);
/* Sweeps every endpoint of the roster when SWEEP_MS have passed since the last time. */
void sweep_run(struct sweep *sweep, const struct roster *roster, uint64_t now_ms);
void sweep_pause(struct sweep *sweep); /* leadership is lost: no further pages */

#endif
