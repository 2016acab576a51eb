/* What plan.c does differently for image endpoints that Kubernetes runs: it counts pods, and says
 * how many of the current release there shall be and which of those that are there are not wanted.
 * Where they run is Kubernetes' business, so place() never adds to them. Pure.
 *
 * A pod whose agent is registered is a column of the placement in which only its own worker can
 * be; so place() chooses which goes, the cheapest first, as it does everywhere else. */
#ifndef SCHEDULER_PODPLAN_H
#define SCHEDULER_PODPLAN_H

#include "plan.h"

bool podplan_is_pod(const struct roster *roster, const struct roster_agent *agent);
/* Before anything else of a round: nothing is wanted yet. */
void podplan_begin(struct roster *roster);
/* A worker that is not counted as one to keep: its pod leaves, or is of an older release. */
bool podplan_skips(struct roster_endpoint *endpoint, const struct roster *roster,
                   const struct roster_agent *agent, const struct roster_worker *worker);
/* After the workers of an endpoint: adds what its pods say. */
void podplan_count(struct plan *plan, struct roster *roster, size_t endpoint);
/* It is known what there is, so something may be decided. */
bool podplan_is_known(const struct roster *roster, const struct roster_endpoint *endpoint);
int64_t podplan_starting(const struct roster_endpoint *endpoint);
bool podplan_is_decided(const struct roster_endpoint *endpoint);
/* The agent is in a pod of this endpoint. */
bool podplan_is_of(const struct roster *roster, size_t agent, struct slice endpoint);
/* What place() shall keep of what is there, and how many pods of the current release there shall
 * be. */
void podplan_want(struct plan *plan, struct roster *roster, size_t endpoint);
/* After place(): which pods are wanted. */
void podplan_note(const struct plan *plan, struct roster *roster, size_t endpoint);

#endif
