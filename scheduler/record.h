/* What the leader writes beside the assignments: results that others read, and what gone agents
 * left behind. */
#ifndef SCHEDULER_RECORD_H
#define SCHEDULER_RECORD_H

#include "roster.h"

#define AGENT_FORGET_MS 600000 /* an agent silent for so long is no longer listed */

/* Adds this round's writes to the gather. */
void record_apply(struct gather *gather, struct roster *roster);

#endif
