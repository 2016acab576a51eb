/* Command lines for a container runtime, podman or docker. Pure.
 *
 * A container sees the host's network: its handler speaks to the agent's loopback plane, and its
 * server is spoken to on 127.0.0.1. */
#ifndef WORKER_CONTAINER_ARGV_H
#define WORKER_CONTAINER_ARGV_H

#include "base/config.h"
#include "queue/endpoint.h"

/* Of each container: the agent that started it, and the run of that agent. */
#define CONTAINER_OWNER "millrace.owner"
#define CONTAINER_RUN "millrace.run"

enum runtime_kind { RUNTIME_PODMAN, RUNTIME_DOCKER };

struct container_plan {
    const char *program; /* the runtime's */
    enum runtime_kind kind;
    const char *name;  /* of the container */
    const char *image; /* id of one that is here */
    const char *owner, *run, *worker;
    const struct endpoint *endpoint;
    char *const *env;  /* "NAME=value" for the handler */
    const char *uuids; /* of its cards, "A,B"; "" for none, NULL on a machine without cards */
    const struct config_strings *extra; /* more arguments for `run`, by the machine's owner */
};

/* NULL-terminated, free with env_free(). */
char **container_run_argv(const struct container_plan *plan);
/* The environment of the runtime's client: its own, and the values that container_run_argv() names
 * without telling them. */
char **container_client_env(const struct container_plan *plan, char *const *inherited);
/* Ends it at once and removes it; fails only when it is still there afterwards. */
char **container_remove_argv(const char *program, enum runtime_kind kind, const char *name);

#endif
