/* A copy of one kind of object, kept true: list, then watch from there on.
 *
 * Whoever uses it must bear that the copy is a moment old; while is_synced is false it says nothing
 * about what is not there. */
#ifndef SCHEDULER_DRIVERS_KUBE_WATCH_H
#define SCHEDULER_DRIVERS_KUBE_WATCH_H

#include "kube_client.h"

struct kube_watch_config {
    struct loop *loop;
    struct kube_client *client;
    const char *what;           /* "pods", for the log */
    char *path;                 /* "/api/v1/namespaces/NS/pods?labelSelector=..."; taken */
    void (*on_list)(void *arg); /* all objects follow anew */
    void (*on_object)(const cJSON *object, void *arg); /* is there, maybe changed; borrowed */
    void (*on_listed)(void *arg);                      /* what has not followed is not there */
    void (*on_deleted)(const cJSON *object, void *arg);
    void (*on_change)(void *arg); /* after some of these */
    void *arg;
};

struct kube_watch {
    bool is_synced;
    /* private */
    struct kube_watch_config config;
    struct kube_call call;
    struct timer timer;
    struct buf line;
    char *version; /* owned; NULL: list first */
    uint64_t heard_ms, delay_ms, retry_after_ms;
    uint64_t long_delay_ms; /* 0: no event has been too long lately */
    bool is_watching;       /* the call on its way is a watch, not a list */
    bool is_expired;        /* the version is too old: list again */
    bool is_failing;        /* which has been said */
};

void kube_watch_start(struct kube_watch *watch, const struct kube_watch_config *config);
void kube_watch_stop(struct kube_watch *watch);

#endif
