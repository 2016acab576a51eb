/* What Millrace asks of a Redis server, checked against the server's own INFO. Pure. */
#ifndef QUEUE_CHECKUP_H
#define QUEUE_CHECKUP_H

#include "base/buf.h"

enum checkup_level {
    CHECKUP_OK,
    CHECKUP_WARN,  /* it works, but something an operator should know may cost jobs */
    CHECKUP_REFUSE /* it cannot keep what it accepts, or lacks what the scripts need */
};

struct checkup_finding {
    const char *what; /* "version", "eviction", "durability", "role", "disk", "memory" */
    enum checkup_level level;
    char text[240]; /* what was found, and what to do about it unless OK */
};

#define CHECKUP_MAX 6

/* info: the answer to INFO, all sections. Returns how many findings there are, each of another
 * kind, in the order above. */
size_t checkup_read(struct slice info, struct checkup_finding findings[CHECKUP_MAX]);
const char *checkup_level_name(enum checkup_level level); /* "ok", "warning", "refused" */

#endif
