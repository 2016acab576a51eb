/* The main loop: asks the agent for jobs and has them run. */
#ifndef SDK_TAKE_H
#define SDK_TAKE_H

#include "host.h"

/* Blocks until the drain bell has rung and every taken job is posted: ERR_OK. ERR_REFUSED when the
 * agent could not be reached for minutes. */
enum err take_loop(struct host *host);

#endif
