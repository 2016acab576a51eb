/* From what is known to what shall be: scale() for each endpoint, place() for all. No I/O. */
#ifndef SCHEDULER_PLAN_H
#define SCHEDULER_PLAN_H

#include "place.h"
#include "roster.h"

/* The placement's rows are the roster's endpoints, its columns the roster's agents. */
struct plan {
    struct place place;
};

/* Writes decision, placed, ready and throttled into the roster's endpoints. */
void plan_make(struct plan *plan, struct roster *roster);
void plan_done(struct plan *plan);
AUTO_DEFINE_EMBEDDED(plan_done, struct plan)
/* The new wishes of one agent, *ret_wishes is the caller's. Zeros are left out, save for the
 * endpoint of a pod, whose agent takes silence for a one. */
size_t plan_wishes(const struct plan *plan, const struct roster *roster, size_t agent,
                   struct roster_wish **ret_wishes);

#endif
