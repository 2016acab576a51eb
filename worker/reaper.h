/* Collects ended child processes of the agent, orphaned helpers of its handlers included: the agent
 * is a child subreaper, so they become its children instead of leaving the tree. */
#ifndef WORKER_REAPER_H
#define WORKER_REAPER_H

#include <sys/types.h>

#include "base/list.h"
#include "net/loop.h"

struct reaper;
struct child {
    struct list link; /* zeroed until watched */
    pid_t pid;
    void (*on_end)(struct child *child, int wait_status); /* unlinked before */
};

struct reaper *reaper_new(struct loop *loop);
void reaper_watch(struct reaper *reaper, struct child *child);
void reaper_close(struct reaper *reaper); /* frees when the loop is done with it; accepts NULL */

#endif
