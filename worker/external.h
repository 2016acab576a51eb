/* A handler process that is no child of this agent: the main container of the same pod. Somebody
 * else, the kubelet, starts and ends it; see pod.h. Used like any other by process.h. */
#ifndef WORKER_EXTERNAL_H
#define WORKER_EXTERNAL_H

#include "process.h"

struct external_config {
    struct loop *loop;
    bool is_up;                    /* its container runs already */
    void (*on_condemn)(void *arg); /* it must end: somebody shall end its container */
    void (*on_gone)(void *arg);    /* just before its end is told to its owner */
    void *arg;
};

struct process *external_start(const struct external_config *config);
/* Its container has started: a first time, or anew, and then all that it was before has ended. */
void external_announce(struct process *process);
/* It has ended; how is static text. */
void external_end(struct process *process, const char *how);
/* Nobody will hear of it any more: the agent ends. */
void external_free(struct process *process);

#endif
