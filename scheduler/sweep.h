/* Deadlines: ends or returns jobs whose time is over, and tells their watchers. */
#ifndef SCHEDULER_SWEEP_H
#define SCHEDULER_SWEEP_H

#include "net/bus.h"
#include "queue/queue.h"
#include "roster.h"

#define SWEEP_MS 500   /* deadlines are kept to a second, pages and a busy Redis included */
#define SWEEP_PAGE 200 /* jobs in one script call: about a millisecond of Redis */

struct sweep {
    /* private */
    struct loop *loop;
    struct store *store;
    struct bus *bus;
    const struct roster *roster;
    struct table endpoints;        /* sweep_endpoint */
    const struct lease_term *term; /* when leases may be swept, as it is then */
    struct timer timer;
    bool is_active;
};

void sweep_init(struct sweep *sweep, struct loop *loop, struct store *store, struct bus *bus);
void sweep_done(struct sweep *sweep);
/* Sweeps every endpoint that the roster holds then each SWEEP_MS, however long its rounds take. */
void sweep_start(struct sweep *sweep, const struct roster *roster, const struct lease_term *term);
void sweep_pause(struct sweep *sweep); /* leadership is lost: no further pages */

#endif
