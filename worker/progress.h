/* The output a job shows while it runs; the latest one wins. */
#ifndef WORKER_PROGRESS_H
#define WORKER_PROGRESS_H

#include "queue/queue.h"

struct held;
struct progress {
    /* private */
    struct store_call call;
    struct buf next; /* members that wait for the call on its way */
};

void progress_put(struct held *held, struct slice members);
void progress_done(struct progress *progress);

#endif
