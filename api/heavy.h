/* Requests with a large body start one after the other, a loop turn apart: to read through 20 MiB
 * takes tens of milliseconds, and others are served in between. */
#ifndef API_HEAVY_H
#define API_HEAVY_H

#include "base/list.h"
#include "net/loop.h"

struct op;

#define HEAVY_BYTES ((size_t)1 << 20) /* a body of that size is a few milliseconds of work */

struct heavy {
    /* private */
    struct loop *loop;
    struct list ops; /* op.heavy_link, the next to start first */
    struct timer timer;
};

void heavy_init(struct heavy *heavy, struct loop *loop);
/* Starts the operation later; one that ends meanwhile unlinks itself. */
void heavy_start(struct heavy *heavy, struct op *op);
void heavy_done(struct heavy *heavy); /* none may be waiting any more */

#endif
