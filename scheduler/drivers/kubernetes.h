/* The driver for image endpoints in a Kubernetes cluster: one Deployment for each release of an
 * endpoint, whose number of replicas follows the plan, with marks on the pods that go.
 *
 * It works beside the driver `slots`, which tells the agents in those pods whether they may take
 * jobs, as it tells the agents of machines. */
#ifndef SCHEDULER_DRIVERS_KUBERNETES_H
#define SCHEDULER_DRIVERS_KUBERNETES_H

#include "kube_manifest.h"
#include "kube_watch.h"
#include "leader.h"
#include "roster.h"

struct kubernetes_config {
    struct loop *loop;
    const struct leader *leader;
    struct kube_config api;
    struct kube_manifest_config manifest;
    void (*on_change)(void *arg); /* something has changed in the cluster */
    void *arg;
};

struct kubernetes;
struct kubernetes *kubernetes_new(const struct kubernetes_config *config);
void kubernetes_free(struct kubernetes *kubernetes); /* accepts NULL */
/* Before a plan: says in the roster which endpoints it runs, and what there is of them. */
void kubernetes_look(struct kubernetes *kubernetes, struct roster *roster);
/* After it: starts what brings the cluster nearer to the plan; returns how many changes. */
size_t kubernetes_apply(struct kubernetes *kubernetes, const struct roster *roster);

#endif
