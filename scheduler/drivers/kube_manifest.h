/* From an endpoint document to the Deployment that runs it. Pure.
 *
 * A Deployment is one RELEASE of an endpoint: its name ends in a digest of its pod template, so a
 * change of the template is another Deployment and Kubernetes itself never replaces a pod. What
 * does not touch the template (how many workers, time limits of the queue) changes no pod. */
#ifndef SCHEDULER_DRIVERS_KUBE_MANIFEST_H
#define SCHEDULER_DRIVERS_KUBE_MANIFEST_H

#include <cjson/cJSON.h>

#include "queue/endpoint.h"

#define KUBE_MANAGED_BY "app.kubernetes.io/managed-by"
#define KUBE_MANAGER "millrace"
#define KUBE_ENDPOINT "millrace.dev/endpoint"
#define KUBE_RELEASE "millrace.dev/release"
#define KUBE_VERSION "millrace.dev/version" /* annotation: of the document that made it */
#define KUBE_COST "controller.kubernetes.io/pod-deletion-cost"
#define KUBE_HANDLER "handler" /* container */
#define KUBE_AGENT "agent"     /* its sidecar */

#define KUBE_RELEASE_SIZE 9 /* 8 hex digits and the end */
#define KUBE_NAME_SIZE 48

struct kube_manifest_config {
    const char *space; /* namespace */
    const char *agent_image;
    const char *agent_config; /* ConfigMap and Secret with the agents' settings, MILLRACE_* */
    const char *gpu_label;    /* of nodes: the product of their cards */
    const cJSON *template;    /* object merged into each pod template; NULL: nothing */
};

struct kube_manifest {
    char name[KUBE_NAME_SIZE];
    char release[KUBE_RELEASE_SIZE];
    char *text; /* JSON of the Deployment; owned */
};

/* of: an endpoint with an image. */
void kube_manifest_make(struct kube_manifest *manifest, const struct kube_manifest_config *config,
                        const struct endpoint *of, int64_t replicas);
void kube_manifest_done(struct kube_manifest *manifest);
AUTO_DEFINE_EMBEDDED(kube_manifest_done, struct kube_manifest)
/* Merges `more` into the object `into`: objects member by member, null removes, arrays of objects
 * with names by name, other arrays end to end, all else is replaced. */
void kube_merge(cJSON *into, const cJSON *more);
/* "NVIDIA L4" as the value of a node's label: "NVIDIA-L4". */
void kube_label_value(const char *text, char out[64]);

#endif
