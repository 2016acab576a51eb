/* How many processes of this agent's control group the kernel has killed for want of memory. */
#ifndef WORKER_OOM_H
#define WORKER_OOM_H

#include "base/slice.h"

/* Of cgroup v2 (memory.events) or v1 (memory.oom_control); -1 when neither tells. */
int64_t oom_kills(void);

/* Pure: the number behind "oom_kill" in such a file; -1 when there is none. */
int64_t oom_parse(struct slice text);
/* Pure: this process's group in /proc/self/cgroup: v2 "0::/path", v1 "4:memory:/path". */
struct slice oom_group(struct slice cgroups, const char *controller);

#endif
