/* Results that Redis could not take, on disk until it has them.
 *
 * One file for each attempt (parcel.h), written whole, synced and only then given its name; so what
 * has a name is complete. The spool delivers its files one after the other whenever the store is
 * there, at the start of the agent before anything is reclaimed: chunks first, then the result. The
 * attempt in each call makes a delivery that came too late harmless. A job that the store has lost
 * is adopted first: when its record is gone the result is kept as an orphan's. */
#ifndef WORKER_SPOOL_H
#define WORKER_SPOOL_H

#include "net/bus.h"
#include "net/turns.h"
#include "parcel.h"
#include "queue/queue.h"

struct spool;
struct spool_config {
    struct loop *loop;
    struct store *store;
    struct bus *bus;
    const char *agent; /* its id */
    const char *dir;   /* made when missing */
    size_t bytes_max;  /* of all files together */
    /* Whether results of this endpoint count only when a replica of Redis has them. Optional. */
    bool (*waits_for_replica)(void *arg, struct slice ep);
    struct turns *turns; /* of all who have large results for the store */
    /* Called, from the loop, each time the last file has been delivered. */
    void (*on_empty)(void *arg);
    void *arg;
};

/* problem gets a text when the folder cannot be used: no permission, in use by another agent. */
enum err spool_new(const struct spool_config *config, struct spool **ret_spool,
                   struct buf *problem);
/* Waits for writes that are on their way; what is on disk stays there. Accepts NULL. */
void spool_close(struct spool *spool);

struct spool_put;
typedef void (*spool_fn)(enum err err, void *arg);
/* Copies the parcel and writes it; fn is told once it is safe on disk (then the spool delivers it)
 * or could not be kept: the folder is full, the disk is full. */
struct spool_put *spool_put(struct spool *spool, const struct parcel *parcel, spool_fn fn,
                            void *arg);
/* It is stored by now: fn is not called, the file goes as soon as it is there. */
void spool_put_drop(struct spool_put *put);

/* The store is there: look for work. */
void spool_deliver(struct spool *spool);
bool spool_is_empty(const struct spool *spool);
/* Calls back with each job of the endpoint that waits here. */
typedef void (*spool_job_fn)(struct slice job, int64_t attempt, void *arg);
void spool_each(const struct spool *spool, struct slice ep, spool_job_fn fn, void *arg);

#endif
