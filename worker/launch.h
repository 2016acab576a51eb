/* What it takes to start the handler of an endpoint in a slot: identity, program, environment. */
#ifndef WORKER_LAUNCH_H
#define WORKER_LAUNCH_H

#include "slot.h"

/* A new worker id, "AGENT-6hex", and a new token. */
void launch_identity(struct slot *slot);
/* Spawns; problem says why it could not. The slot's cards are given already. image: id of the one
 * to run; NULL for other handlers. */
enum err launch_process(struct slot *slot, const char *image, struct buf *problem);
/* Path of a program that lies beside the agent's own executable, or its name, to be found in PATH.
 */
char *launch_beside(const char *program);
/* NULL-terminated argv for the endpoint; free with launch_free_argv(). Pure but for file lookups.
 */
char **launch_argv(const struct endpoint *endpoint, const char *exe_dir, struct buf *problem);
void launch_free_argv(char **argv);
AUTO_DEFINE(launch_free_argv, char **)

#endif
