/* A process that fails job after job while its siblings end theirs is ill, not unlucky. Pure. */
#ifndef WORKER_QUARANTINE_H
#define WORKER_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

/* How the jobs of one endpoint ended on this agent. */
struct tally {
    uint64_t completed;
    uint64_t failed; /* failed results, and ends of processes with jobs in work */
};

/* Failures of one slot since its last success; zeroed at the start. */
struct streak {
    uint64_t failures;
    struct tally before; /* of the endpoint, when the first of them came */
};

#define QUARANTINE_FAILURES 3

void quarantine_success(struct streak *streak, struct tally *all);
void quarantine_failure(struct streak *streak, struct tally *all);
/* Enough failures in a row, while the siblings completed at least as many and failed none. */
bool quarantine_is_due(const struct streak *streak, const struct tally *all);

#endif
