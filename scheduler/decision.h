/* Decisions are kept: the last DECISIONS_MAX of each endpoint that changed something, with what
 * they were made from. GET /v2/{ep}/autoscaler shows them. */
#ifndef SCHEDULER_DECISION_H
#define SCHEDULER_DECISION_H

#include "roster.h"

#define DECISIONS_MAX 200

/* Logs this round's decision and adds its writes to the gather, when it differs from the last. */
void decision_record(struct gather *gather, const struct roster *roster,
                     struct roster_endpoint *endpoint);
/* Appends it as JSON. Pure. */
void decision_put(struct buf *out, const struct roster_endpoint *endpoint, int64_t now_ms);

#endif
