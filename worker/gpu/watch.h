/* Looks at the cards again and again in a thread of its own, because a driver in trouble may hang;
 * what it has read comes to the loop. */
#ifndef WORKER_GPU_WATCH_H
#define WORKER_GPU_WATCH_H

#include "gpu/source.h"
#include "net/loop.h"

struct watch;
/* readings: one for each card. */
typedef void (*watch_fn)(const struct gpu_reading *readings, void *arg);

/* Takes the source. The first look is at once. */
struct watch *watch_new(struct loop *loop, struct gpu_source *source, size_t count, watch_fn fn,
                        void *arg);
/* Looks soon, whatever the period; returns the first round that begins from now on. */
uint64_t watch_look(struct watch *watch);
uint64_t watch_busy_ms(struct watch *watch); /* how long the look that runs has taken; 0: none */
/* The thread is left behind when it hangs. No callback any more; accepts NULL. */
void watch_close(struct watch *watch);

#endif
