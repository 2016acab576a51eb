/* Brings what the processes of one endpoint write to the store: in batches, bounded, soon. */
#ifndef WORKER_SCRIBE_H
#define WORKER_SCRIBE_H

#include "base/list.h"
#include "queue/queue.h"

struct slot;
struct scribe {
    /* private */
    struct list lines; /* scribe_line.link, oldest first */
    size_t bytes;      /* of them */
    size_t in_flight;  /* lines of the call on its way */
    size_t left_out;   /* since there was no room */
    struct timer timer;
    struct store_call call;
};

void scribe_init(struct scribe *scribe);
void scribe_done(struct scribe *scribe);
bool scribe_is_idle(const struct scribe *scribe);
/* One line of the slot's process. */
void scribe_note(struct slot *slot, struct slice line);

#endif
