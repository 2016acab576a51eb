/* The jobs this process holds: taken, and their result not yet posted. Pings list them, job-stop
 * looks them up, the taker counts them. Safe from every thread. */
#ifndef SDK_ROSTER_H
#define SDK_ROSTER_H

#include <pthread.h>

#include "job.h"

struct roster {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job left */
    struct list jobs;       /* job.held */
    unsigned count;
};

void roster_init(struct roster *roster);
void roster_done(struct roster *roster); /* must be empty */
void roster_add(struct roster *roster, struct job *job);
void roster_del(struct roster *roster, struct job *job);
unsigned roster_count(struct roster *roster);
/* Blocks until fewer than `limit` jobs are held; returns how many may be added. */
unsigned roster_wait_room(struct roster *roster, unsigned limit);
/* Marks the job as cancelled; false when it is not held or was marked before. */
bool roster_cancel(struct roster *roster, struct slice id);
/* Appends the ids, separated by commas. */
void roster_put_ids(struct roster *roster, struct buf *out);

#endif
