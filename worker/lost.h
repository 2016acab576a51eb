/* Jobs whose handler no longer works on them. */
#ifndef WORKER_LOST_H
#define WORKER_LOST_H

#include "process.h"

struct slot;
/* The process ended: gives back or fails what it held. */
void lost_process(struct slot *slot, const struct process_end *end);
/* The handler asks for a job and says that it has none: jobs it was given LOST_GRACE_MS ago or
 * earlier are lost, stopped ones are let go. */
#define LOST_GRACE_MS 10000
void lost_unheld(struct slot *slot);

#endif
