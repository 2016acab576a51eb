/* The environment of one handler process. Pure. */
#ifndef WORKER_ENV_H
#define WORKER_ENV_H

#include "queue/endpoint.h"

#define ENV_RUN "MILLRACE_RUN" /* names the agent that started the process */

struct env_spec {
    char *const *inherited; /* the agent's own environment; NULL: nothing of it (a container) */
    const struct endpoint *endpoint;
    const char *worker; /* becomes RUNPOD_POD_ID */
    const char *token;  /* becomes RUNPOD_AI_API_KEY */
    const char *run;    /* becomes ENV_RUN */
    const char *host;
    int port;             /* of the worker plane on 127.0.0.1 */
    const char *gpu_name; /* "" without one */
    const char *cuda;     /* CUDA_VISIBLE_DEVICES; NULL: leave it alone */
    const char *python;   /* folder to stand first in PYTHONPATH; NULL: leave it alone */
    int server_port;      /* of a `server` handler: where it shall listen; 0 for all others */
};

/* NULL-terminated "NAME=value", free with env_free(). The agent's MILLRACE_* settings and secrets
 * are not passed on; the endpoint's env wins over all but the variables that bind the process to
 * its agent. */
char **env_build(const struct env_spec *spec);
/* What the agent's own helper programs get: its environment without what is private. */
char **env_outside(char *const *inherited);
/* Sets or replaces NAME=value; takes and returns the list. */
char **env_with(char **env, const char *name, const char *value);
void env_free(char **env);
AUTO_DEFINE(env_free, char **)
/* Value in a built environment, NULL when absent. */
const char *env_get(char *const *env, const char *name);

#endif
