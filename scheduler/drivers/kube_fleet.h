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
    bool is_leaving;
    /* private */
    struct kube_client *client;
    const struct leader *leader;
    struct kube_call call;
    uint64_t retry_ms, delay_ms; /* loop time before which nothing is tried; last pause */
    int64_t target;              /* replicas after the change on its way */
    struct fleet_victim victims[FLEET_VICTIMS_MAX];
    size_t victim_count, next; /* how many of them are through with this step */
    bool is_failing;
};

bool fleet_is_busy(const struct fleet *fleet);
bool fleet_retires(const struct fleet *fleet, const struct pod *pod); /* it is one of those */
void fleet_done(struct fleet *fleet);
/* text: of the Deployment. */
void fleet_create(struct fleet *fleet, const char *text);
void fleet_scale(struct fleet *fleet, int64_t replicas);
/* So many replicas fewer, and these pods are those that go: marked as cheapest, then the number is
 * lowered, then they are deleted. */
void fleet_retire(struct fleet *fleet, const struct pod *const *pods, size_t count,
                  int64_t replicas);
/* The pod is wanted again: it must not be marked as cheap. */
void fleet_unmark(struct fleet *fleet, const struct pod *pod);
void fleet_remove(struct fleet *fleet);

#endif
