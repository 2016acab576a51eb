/* What the API server says of pods and Deployments, read with suspicion. Pure. */
#ifndef SCHEDULER_DRIVERS_KUBE_OBJECT_H
#define SCHEDULER_DRIVERS_KUBE_OBJECT_H

#include <cjson/cJSON.h>

#include "pods.h"

/* metadata.name, empty when there is none. */
struct slice kube_object_name(const cJSON *object);
/* A text in metadata.labels or metadata.annotations, empty when absent. */
struct slice kube_object_note(const cJSON *object, const char *kind, const char *name);
struct slice kube_object_text(const cJSON *object, const char *group, const char *name);
int64_t kube_object_number(const cJSON *object, const char *group, const char *name,
                           int64_t otherwise);
/* Why no pods are made for a Deployment (a quota, an admission rule); empty: they are. */
struct slice kube_object_failure(const cJSON *object);
/* Fills all but the name and what the plan writes. */
void kube_object_read_pod(const cJSON *object, struct pod *pod);

#endif
