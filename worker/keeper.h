/* The keeper: a tiny child that outlives a killed agent just long enough to kill what the agent
 * left. PR_SET_PDEATHSIG reaches only direct children; handlers fork helpers of their own, which
 * stay in the handler's process group. */
#ifndef WORKER_KEEPER_H
#define WORKER_KEEPER_H

#include <sys/types.h>

#include "base/err.h"

struct keeper;

struct keeper_config {
    const char *mark;    /* "NAME=value" of all handlers, for those that left their group */
    const char *runtime; /* of containers, see runtime.h */
    const char *run;     /* value of their label CONTAINER_RUN */
};

/* Forks; before any thread exists and before descriptors are open that the keeper must not hold. */
enum err keeper_start(const struct keeper_config *config, struct keeper **ret_keeper);
/* The group is to be killed should the agent end without keeper_drop(). */
void keeper_add(struct keeper *keeper, pid_t group);
void keeper_drop(struct keeper *keeper, pid_t group);
/* From now on there may be containers to remove. */
void keeper_note_containers(struct keeper *keeper);
/* The keeper kills what is registered still, and has ended when this returns. Accepts NULL. */
void keeper_free(struct keeper *keeper);

#endif
