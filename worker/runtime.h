/* The container runtime of this machine: found when the first image is to run, and cleared of what
 * an earlier run of this agent has left. */
#ifndef WORKER_RUNTIME_H
#define WORKER_RUNTIME_H

#include "base/list.h"
#include "container_argv.h"

#define RUNTIME_AUTO "auto" /* podman or docker, whichever works */

struct agent;
struct runtime;
struct runtime_wait;
/* problem: empty when the runtime is there. */
typedef void (*runtime_fn)(struct runtime_wait *wait, struct slice problem);
struct runtime_wait {
    struct list link; /* init before use */
    runtime_fn fn;
};

/* setting: RUNTIME_AUTO, or a name or path of podman or docker. */
struct runtime *runtime_new(struct agent *agent, const char *setting);
/* Calls back once, later. A search that failed is repeated by the next one who asks. */
void runtime_want(struct runtime *runtime, struct runtime_wait *wait, runtime_fn fn);
void runtime_forget(struct runtime_wait *wait); /* no callback any more; harmless when repeated */
void runtime_stop(struct runtime *runtime);     /* ends what it asks; nobody waits any more */
void runtime_free(struct runtime *runtime);     /* accepts NULL */

/* Once it is there. */
const char *runtime_program(const struct runtime *runtime);
enum runtime_kind runtime_kind(const struct runtime *runtime);
const char *runtime_owner(const struct runtime *runtime); /* value of CONTAINER_OWNER */

/* For the keeper: removes the containers of one run of an agent, blocking. */
void runtime_sweep(const char *setting, const char *run);

#endif
