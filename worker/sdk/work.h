/* Running one job: the handler's run(), then the result. */
#ifndef SDK_WORK_H
#define SDK_WORK_H

#include "host.h"

/* Blocks until the result is posted. The job must be in the roster; it is consumed. */
void work_run(struct host *host, struct job *job, struct line *line);

#endif
