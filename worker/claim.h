/* One agent of a name: two of one name on one Redis would give back each other's jobs.
 *
 * The claim is an abstract socket, which the kernel takes back when the process ends, however it
 * ends. So it tells agents of one machine apart, where the usual mistake is made (the host's name
 * is the default name); across machines host names differ. */
#ifndef WORKER_CLAIM_H
#define WORKER_CLAIM_H

#include "base/err.h"

/* Held until the process ends. ERR_IN_USE: another agent here has that name on that Redis. */
enum err claim_name(const char *redis_url, const char *node_id);

#endif
