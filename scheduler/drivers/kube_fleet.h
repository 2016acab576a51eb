/* One Deployment, that is one release of an endpoint, and how it is changed.
 *
 * At most one change is on its way; each write is preceded by the question whether this process
 * still leads, and carries what it was decided from (resourceVersion, uid), so that what has
 * changed meanwhile makes it fail instead of doing harm. A failure is tried again after a pause,
 * from what is known then. */
#ifndef SCHEDULER_DRIVERS_KUBE_FLEET_H
#define SCHEDULER_DRIVERS_KUBE_FLEET_H

#include "kube_client.h"
#include "leader.h"
#include "pods.h"

#define FLEET_VICTIMS_MAX 32 /* pods that go in one change */

struct fleet_victim {
    char *name, *uid; /* owned */
};

struct fleet {
    struct table_item item; /* the Deployment's name */
    char *release, *endpoint;
    char *uid, *version; /* of the object; NULL: there is none */
    int64_t replicas;    /* as it was last seen */
    char *problem;       /* why Kubernetes makes no pods of it; NULL: it does */
    bool is_leaving;
    /* private */
    struct kube_client *client;
    const struct leader *leader;
    struct kube_call call;
    uint64_t retry_ms, delay_ms; /* loop time before which nothing is tried; last pause */
    int64_t target;              /* replicas as they were last written, or are about to be */
    char *base;                  /* owned; the version of the last write, NULL: there was none */
    bool is_written;             /* the last write was accepted */
    struct fleet_victim victims[FLEET_VICTIMS_MAX];
    size_t victim_count, next; /* how many of them are marked */
    bool is_failing;
};

bool fleet_is_busy(const struct fleet *fleet);
bool fleet_is_refused(const struct fleet *fleet); /* itself, or its pods: there will be none */
bool fleet_retires(const struct fleet *fleet, const struct pod *pod); /* it is one of those */
/* pods: of it that are there, those that leave aside. When they are as few as they shall be, those
 * that were picked and are still there stay. */
void fleet_release(struct fleet *fleet, int64_t pods);
void fleet_done(struct fleet *fleet);
/* text: of the Deployment. */
void fleet_create(struct fleet *fleet, const char *text);
void fleet_scale(struct fleet *fleet, int64_t replicas);
/* So many replicas fewer, and these pods are those that go: marked as cheapest, then the number is
 * lowered. None of them may be ready. */
void fleet_retire(struct fleet *fleet, const struct pod *const *pods, size_t count,
                  int64_t replicas);
/* The pod is wanted again: it must not be marked as cheap. */
void fleet_unmark(struct fleet *fleet, const struct pod *pod);
void fleet_remove(struct fleet *fleet);

#endif
