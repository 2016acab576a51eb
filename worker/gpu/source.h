/* Where the cards of this machine are read: the driver's library, or a file for tests. A card keeps
 * its place in the inventory for as long as the agent lives. */
#ifndef WORKER_GPU_SOURCE_H
#define WORKER_GPU_SOURCE_H

#include "gpu/gpu.h"

struct gpu_source {
    uint64_t period_ms; /* so often it should be looked at */
    /* One reading for each card of the inventory. In a thread of its own: it may block, and does
     * when a driver hangs. */
    void (*look)(struct gpu_source *source, struct gpu_reading *readings, size_t count);
    void (*close)(struct gpu_source *source);
};

/* Asks NVML; a machine without its library or a card has count 0, and NULL is returned. */
struct gpu_source *source_nvml(struct gpus *gpus);
/* Lines "UUID NAME... MEMORY_MIB [KEY=VALUE...]", see fake.c; NULL and a problem when it is none.
 */
struct gpu_source *source_file(struct gpus *gpus, const char *path, struct buf *problem);
void source_close(struct gpu_source *source); /* accepts NULL */

#endif
