/* Jobs whose handler no longer works on them. */
#ifndef WORKER_LOST_H
#define WORKER_LOST_H

#include "process.h"

struct held;
struct http_request;
struct slot;
/* The process ended: gives back or fails what it held. */
void lost_process(struct slot *slot, const struct process_end *end);
/* A poll of the handler: jobs that went out over the same connection have arrived. */
void lost_heard(struct slot *slot, const struct http_request *request);
/* The handler asks for a job and says that it has none: stopped ones are let go. Those it was given
 * LOST_GRACE_MS ago or earlier have ended without a result when it is known to have received them,
 * else they were lost on the way and go back. One that this process loses a second time was not
 * lost on the way: it ends, LOST_AGAIN_MS after it was given, so all within 15 s. For younger ones
 * it is asked again when they are that old. */
#define LOST_GRACE_MS 10000
#define LOST_AGAIN_MS 3000
void lost_forget(struct slot *slot); /* its process has ended */
void lost_unheld(struct slot *slot);
/* Two pings in a row did not list the job: the same. */
void lost_unlisted(struct held *held);

#endif
