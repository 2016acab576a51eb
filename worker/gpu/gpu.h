/* The graphics cards of this machine, and which process has which. A card is never given to two. */
#ifndef WORKER_GPU_H
#define WORKER_GPU_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define GPU_MAX 64

struct gpu {
    char uuid[96];
    char name[96];
    int64_t memory; /* bytes */
    bool is_given;
};

struct gpus {
    struct gpu items[GPU_MAX];
    size_t count;
};

/* Asks NVML; a machine without its library or a card has count 0. */
void gpus_read_nvml(struct gpus *gpus);
/* "UUID NAME... MEMORY_MIB" on each line of a file; for tests. */
enum err gpus_read_file(struct gpus *gpus, const char *path, struct buf *problem);
/* Gives `count` free cards of one type, the first of `types` that has so many, or none: false.
 * types: names, NULL-terminated; NULL or empty: any. */
bool gpus_give(struct gpus *gpus, size_t count, char *const *types, int *ret_indexes);
void gpus_take_back(struct gpus *gpus, const int *indexes, size_t count);
/* "GPU-...,GPU-..." */
void gpus_put_uuids(const struct gpus *gpus, const int *indexes, size_t count, struct buf *out);
/* JSON list of {"uuid","name","memory"}. */
void gpus_put_json(const struct gpus *gpus, struct buf *out);

#endif
