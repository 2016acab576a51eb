/* How much memory the large request bodies of a program may take together. Each is counted from
 * before it is read until its memory is free, so what does not fit costs nothing; one that does not
 * tell its length, as it grows. Small ones are not counted: their number is bounded by that of the
 * connections, and they must pass beside large ones. */
#ifndef NET_BODIES_H
#define NET_BODIES_H

#include "base/buf.h"
#include "base/config.h"

#define BODIES_MAX_FLAG "bodies-max-mb"
#define BODIES_SMALL ((size_t)64 << 10)

struct bodies {
    size_t max, used;
};

/* The setting of it, in MiB. */
struct config_option bodies_option(int64_t *target);
size_t bodies_weight(size_t bytes); /* what counts of a body: 0 for a small one */
/* A body that is larger than all the room goes alone. */
bool bodies_have_room(const struct bodies *bodies, size_t used, size_t weight);
/* For the answer 503. */
void bodies_put_problem(const struct bodies *bodies, struct buf *out);

#endif
