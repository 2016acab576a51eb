/* Processes that left the process group of their handler (daemons) but carry its environment. */
#ifndef WORKER_LEFTOVERS_H
#define WORKER_LEFTOVERS_H

/* Sends SIGKILL to every process, except the caller, that was started with this "NAME=value". */
void leftovers_kill(const char *variable);

#endif
