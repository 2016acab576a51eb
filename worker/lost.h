/* Jobs whose handler no longer works on them. */
#ifndef WORKER_LOST_H
#define WORKER_LOST_H

#include "process.h"

struct held;
struct slot;
/* The process ended: gives back or fails what it held. */
void lost_process(struct slot *slot, const struct process_end *end);
/* The handler asks for a job and says that it has none: stopped ones are let go; those it was given
 * LOST_GRACE_MS ago or earlier have ended without a result. For younger ones it is asked again when
 * they are that old. */
#define LOST_GRACE_MS 10000
void lost_unheld(struct slot *slot);
/* Two pings in a row did not list the job: the same. */
void lost_unlisted(struct held *held);

#endif
