/* The scheduler's metrics, computed from the state that the last round read. */
#ifndef SCHEDULER_GAUGES_H
#define SCHEDULER_GAUGES_H

#include "tick.h"

void gauges_put(struct buf *out, const struct tick *tick, bool is_leading);

#endif
