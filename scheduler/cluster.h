/* The settings of the driver `kubernetes`: read, completed from where the process runs, checked. */
#ifndef SCHEDULER_CLUSTER_H
#define SCHEDULER_CLUSTER_H

#include "base/config.h"
#include "drivers/kubernetes.h"

#define CLUSTER_OPTIONS 9

struct cluster_settings {
    const char *driver;
    struct kube_config api;
    struct kube_manifest_config manifest;
    const char *template_file;
};

/* Writes CLUSTER_OPTIONS options. */
void cluster_put_options(struct cluster_settings *settings, struct config_option *options);
/* False: it is not used. What is wrong ends the process as any bad setting does. */
bool cluster_complete(struct cluster_settings *settings, struct kubernetes_config *ret_config);

#endif
