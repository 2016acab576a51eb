/* One job at the HTTP server of its slot: its input sent as a request, the answer made its chunks
 * and its result. */
#ifndef WORKER_FORWARD_H
#define WORKER_FORWARD_H

#include "base/slice.h"

struct held;
struct forward;

/* In the next turn. members: of the taken job, copied. */
void forward_start(struct held *held, struct slice members);
/* The job was stopped: the request is closed now, the job is let go in the next turn. */
void forward_stop(struct held *held);
void forward_free(struct held *held); /* closes what is open; harmless without one */

#endif
