/* What this node has answered: requests by route and status, and how long they took. */
#ifndef API_METER_H
#define API_METER_H

#include "base/buf.h"

#define METER_GONE 499  /* the client hung up before its answer */
#define METER_RELAYED 1 /* the answer, with its status, was a worker's */

struct meter;
struct meter *meter_new(void);
void meter_free(struct meter *meter); /* accepts NULL */
/* route: the path's pattern, a constant. */
void meter_count(struct meter *meter, const char *route, int status, double seconds);
void meter_put(const struct meter *meter, struct buf *out);

#endif
