/* What the client process of a container runtime leaves to do: it can be killed while its container
 * runs on. Wraps ONE container from just before the start of the client to its removal. */
#ifndef WORKER_CONTAINER_H
#define WORKER_CONTAINER_H

#include "process.h"

struct agent;
struct container;

struct container *container_new(struct agent *agent, const char *name);
struct process_outside *container_outside(struct container *container); /* for process_spec */
/* Once its client runs; it frees itself after the end of the client. Else free it. */
void container_started(struct container *container, struct process *process);
void container_free(struct container *container); /* accepts NULL */

#endif
