/* The driver for agents that registered themselves: writes each agent's assignment. */
#ifndef SCHEDULER_DRIVERS_SLOTS_H
#define SCHEDULER_DRIVERS_SLOTS_H

#include "plan.h"

#define SLOTS_REWRITE_MS 60000 /* an assignment is written again so often, changed or not */

struct slots_round {
    int64_t epoch;   /* of the leadership under which is written */
    uint64_t now_ms; /* loop time */
};

/* Adds this round's writes to the gather; returns how many agents' wishes have changed. */
size_t slots_apply(const struct slots_round *round, struct gather *gather, struct roster *roster,
                   const struct plan *plan);
/* After the gather: has Redis refused one because a younger leader exists? */
bool slots_was_refused(const struct roster *roster);

#endif
