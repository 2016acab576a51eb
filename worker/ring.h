/* The last 256 KB that a process wrote. Pure. */
#ifndef WORKER_RING_H
#define WORKER_RING_H

#include "base/buf.h"

#define RING_SIZE ((size_t)256 * 1024)

struct ring {
    /* private */
    char *bytes;  /* owned; NULL until the first write */
    size_t start; /* of the oldest byte */
    size_t len;
};

void ring_done(struct ring *ring);
void ring_put(struct ring *ring, struct slice bytes);
/* Appends the last `lines` lines, at most `bytes_max` bytes of them (whole lines, but for a last
 * one that is longer), as clean UTF-8: what is not valid, and control bytes but newline and tab,
 * become
 * '?'. No newline at the end. */
void ring_tail(const struct ring *ring, size_t lines, size_t bytes_max, struct buf *out);
/* Appends text made clean in the same way. */
void text_clean(struct slice text, struct buf *out);

#endif
