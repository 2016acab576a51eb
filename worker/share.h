/* Which worker gets the next jobs of one take. Pure.
 *
 * Jobs are dealt in rounds, one a poll and round, least loaded and longest waiting first. So one
 * lone poll gets min(its batch size, waiting), and of several none gets more than
 * ceil(waiting / polls), without knowing how many wait. */
#ifndef WORKER_SHARE_H
#define WORKER_SHARE_H

#include <stddef.h>
#include <stdint.h>

struct share {
    size_t held;    /* jobs its worker has in hand */
    uint64_t since; /* when the poll came; smaller is older */
    size_t wanted;  /* most jobs it takes */
    void *poll;     /* the caller's */
    size_t dealt;   /* private */
};

/* Sorts shares and writes the poll of each job in turn; returns how many, at most `most`. */
size_t share_deal(struct share *shares, size_t count, void **ret_order, size_t most);

#endif
