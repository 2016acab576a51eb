/* How much memory the large request bodies of a program may take together. Each is counted from
 * before it is read until its memory is free, so what does not fit costs nothing. Small ones are
 * not: their number is bounded by that of the connections, and they must pass beside large ones. */
#ifndef NET_BODIES_H
#define NET_BODIES_H

#include "base/config.h"
#include "net/http.h"

#define BODIES_MAX_FLAG "bodies-max-mb"
#define BODIES_SMALL ((size_t)64 << 10)

struct bodies {
    size_t max, used;
};

/* The setting of it, in MiB. */
struct config_option bodies_option(int64_t *target);
/* What counts of a request that may have body_max bytes: its length, or, when it does not tell
 * that, the most it may have; 0 for a small one. */
size_t bodies_weight(const struct http_request *request, size_t body_max);
/* A body that is larger than all the room goes alone. */
bool bodies_have_room(const struct bodies *bodies, size_t used, size_t weight);
/* For the answer 503. */
void bodies_put_problem(const struct bodies *bodies, struct buf *out);

#endif
