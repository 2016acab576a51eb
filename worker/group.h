/* One endpoint as this agent serves it. */
#ifndef WORKER_GROUP_H
#define WORKER_GROUP_H

#include "agent.h"
#include "lease.h"
#include "quarantine.h"
#include "queue/endpoint.h"
#include "report.h"
#include "scribe.h"
#include "take.h"

struct group {
    struct list link; /* agent.groups */
    struct agent *agent;
    char *ep;
    struct endpoint *endpoint; /* NULL until the document was read, or when it is gone */
    int64_t wanted;            /* handler processes, from the last beat */
    int64_t wished;            /* the same while a beat is read */
    struct list slots;         /* slot.link */
    struct list jobs;          /* held.group_link */
    struct taker taker;
    struct lease lease;
    struct report report;
    struct scribe scribe;
    struct tally tally;
    bool is_told_full; /* "no place" was logged for this wish */
    /* private */
    struct store_call conf_call;
    struct timer conf_timer;
    bool conf_again; /* asked for while one was on its way */
};

struct group *group_new(struct agent *agent, struct slice ep);
void group_free(struct group *group);          /* no slots and no jobs are left */
bool group_is_idle(const struct group *group); /* may be freed */
int64_t group_wish(const struct group *group); /* slots it shall have; 0 while it takes no more */
struct slice group_ep(const struct group *group);
int64_t group_retries(const struct group *group);
int64_t group_retention_ms(const struct group *group);   /* of jobs that nobody waits for */
bool group_waits_for_replica(const struct group *group); /* durability */
size_t group_slot_count(const struct group *group);
/* Reads mr:{ep}:conf again, then converges. */
void group_refresh(struct group *group);
/* Converging, in this order over all groups: what is not wanted goes, then what is missing comes;
 * `places` is how many more processes the agent may run. */
void group_shrink(struct group *group);
void group_grow(struct group *group, size_t *places);

#endif
