/* The state of a job read by plain commands: no watcher, no rate limit, a third of what
 * queue_read() costs Redis.
 *
 * The record and the output come by two commands, between which the job may change. A glance
 * answers only what such a change cannot make wrong, and asks the script otherwise. */
#ifndef QUEUE_GLANCE_H
#define QUEUE_GLANCE_H

#include "queue/queue.h"

struct glance;

/* job is borrowed, NULL unless err is ERR_OK; ERR_NOT_FOUND: unknown. Called once, later; the
 * glance is still the owner's to free, also in here. */
typedef void (*glance_fn)(void *arg, enum err err, const struct job_view *job);

/* expects_wait: a guess whether the job waits; a wrong one costs a second trip to Redis. ep and id
 * are borrowed until glance_free(). */
struct glance *glance_new(struct store *store, struct slice ep, struct slice id, bool expects_wait,
                          glance_fn fn, void *arg);
void glance_free(struct glance *glance); /* it will not call back; accepts NULL */

#endif
