/* Pods of image endpoints, as the Kubernetes driver sees them and plan.c counts them. */
#ifndef SCHEDULER_PODS_H
#define SCHEDULER_PODS_H

#include "table.h"

/* Why a pod does not work, the worst last. */
enum pod_trouble {
    POD_FINE,
    POD_PULLING,  /* its image is being fetched, or cannot be */
    POD_NO_ROOM,  /* no node has room for it */
    POD_NO_GPU,   /* no node has such cards at all */
    POD_CRASHING, /* its handler ends again and again */
};

struct pod {
    struct table_item item; /* its name, which is also the name of its agent */
    char *uid, *release;    /* owned */
    char *said;             /* owned; what explains the trouble, NULL */
    int64_t cost;           /* of its deletion, as annotated */
    enum pod_trouble trouble;
    bool is_leaving; /* being deleted, or over */
    bool is_doomed;  /* its deletion has been decided and is on its way */
    bool is_pending; /* on no node yet, or nothing of it runs */
    bool is_ready;   /* as Kubernetes sees it */
    bool is_wanted;  /* by the last plan */
    bool is_free;    /* by the last plan: may be deleted without any job noticing */
};

struct pods {
    struct table table;
    bool is_synced; /* false: it is not known which there are */
};

void pods_init(struct pods *pods);
void pods_done(struct pods *pods);
struct pod *pods_at(const struct pods *pods, size_t index);
struct pod *pods_find(const struct pods *pods, struct slice name); /* NULL when there is none */

#endif
