/* The payload of a BUS_CHUNKS frame: stream chunks of one attempt, numbered. Pure. */
#ifndef NET_BUS_CHUNKS_H
#define NET_BUS_CHUNKS_H

#include "base/buf.h"

struct bus_chunks {
    int64_t attempt, first; /* first: index of the next one that bus_chunks_next() gives */
    size_t count;           /* left */
    /* private */
    struct slice lens, bytes;
};

/* Appends; check buf_is_over() for a payload that does not fit. */
void bus_chunks_put(struct buf *out, int64_t attempt, int64_t first, const struct slice *chunks,
                    size_t count);
/* ERR_BAD_REQUEST for bytes that are no such payload. Borrows the payload. */
enum err bus_chunks_read(struct slice payload, struct bus_chunks *ret_chunks);
struct slice bus_chunks_next(struct bus_chunks *chunks); /* count must not be 0 */

#endif
