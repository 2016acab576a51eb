/* The state of a job read by plain commands: no watcher, no rate limit, a third of what
 * queue_read() costs Redis.
 *
 * The record and the output come by two commands, between which the job may change. A glance
 * answers only what such a change cannot make wrong, and asks the script otherwise. */
#ifndef QUEUE_GLANCE_H
#define QUEUE_GLANCE_H

#include "base/spares.h"
#include "queue/queue.h"

struct glance;

/* What the glances at one endpoint share; zeroed memory is empty. Whether the last job waited is
 * the guess about the next one, and why it did is true of the others that ask in the same 2 ms. */
struct glance_shared {
    /* private */
    bool expects_wait;
    uint64_t told_us;         /* when Redis said the following, 0: never */
    int64_t first, first_low; /* numbers of the jobs at the heads of the lists */
    struct buf reason, detail;
};

void glance_shared_done(struct glance_shared *shared);

/* job is borrowed, NULL unless err is ERR_OK; ERR_NOT_FOUND: unknown. Called once, later; the
 * glance is still the owner's to free, also in here. */
typedef void (*glance_fn)(void *arg, enum err err, const struct job_view *job);

struct glance_config {
    struct store *store;
    struct spares *spares; /* see glance_spares() */
    struct glance_shared *shared;
    struct slice ep, id;
    glance_fn fn;
    void *arg;
};

/* All that config points to is borrowed until glance_free(). */
struct glance *glance_new(const struct glance_config *config);
void glance_free(struct glance *glance); /* it will not call back; accepts NULL */
struct spares glance_spares(void);       /* empty, for glances */

#endif
