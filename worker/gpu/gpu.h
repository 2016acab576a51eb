/* The graphics cards of this machine, which process has which, and which are out of the pool. A
 * card is never given to two. A MIG slice is a card of its own. */
#ifndef WORKER_GPU_H
#define WORKER_GPU_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gpu/health.h"

#define GPU_MAX 64

struct gpu {
    char uuid[96]; /* "GPU-...", of a slice "MIG-..." */
    char name[96];
    int64_t memory;      /* bytes */
    char capability[16]; /* "9.0"; "" when not told */
    char parent[96];     /* of a slice: its card; else "" */
    struct gpu_health health;
    bool is_given;
    bool is_checking; /* the fitness check runs on it */
};

struct gpus {
    struct gpu items[GPU_MAX];
    size_t count;
    char driver[32]; /* version; "" when not told */
    char cuda[16];   /* newest CUDA version the driver knows, "13.0" */
};

bool gpu_is_slice(const struct gpu *gpu);
/* "free", "given", "checking" (before its first use) or "out". */
const char *gpu_state(const struct gpu *gpu);
/* Gives `count` usable cards of one type, the first of `types` that has so many, or none: false.
 * types: names, NULL-terminated; NULL or empty: any. CUDA shows a process one slice only, so slices
 * are given singly. */
bool gpus_give(struct gpus *gpus, size_t count, char *const *types, int *ret_indexes);
/* Each of them is of one of the types; NULL or empty: any. */
bool gpus_are_of(const struct gpus *gpus, const int *indexes, size_t count, char *const *types);
void gpus_take_back(struct gpus *gpus, const int *indexes, size_t count);
/* "GPU-...,GPU-..." */
void gpus_put_uuids(const struct gpus *gpus, const int *indexes, size_t count, struct buf *out);
/* JSON list of {"uuid","name","memory","state"...}. */
void gpus_put_json(const struct gpus *gpus, struct buf *out);

#endif
