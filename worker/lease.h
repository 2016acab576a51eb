/* Renews the leases of the jobs of one endpoint; the ones that are no longer ours are stopped, the
 * ones that the store has lost are given back to it. */
#ifndef WORKER_LEASE_H
#define WORKER_LEASE_H

#include "queue/queue.h"

struct lease {
    /* private */
    struct timer timer;
    struct store_call call;
    struct held_job *jobs; /* asked about; owned, with their texts */
    size_t count;
};

struct group;
void lease_start(struct group *group);
void lease_renew(struct group *group); /* now, out of turn */ /* harmless when it runs */
void lease_done(struct lease *lease);

#endif
