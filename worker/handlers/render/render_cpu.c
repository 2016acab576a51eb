/* Threads that draw runs of pixels from one counter until none are left. The calling thread draws
 * nothing: it reports progress five times a second and otherwise waits for the last one to finish.
 * A stop is looked for before each pixel, which takes milliseconds at the very most. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "base/alloc.h"
#include "base/err.h"
#include "device.h"

#define THREADS_MAX 64u
#define THREADS_DEFAULT_MAX 8u
#define RUN_PIXELS 64u
#define TICK_MS 200

struct crowd {
    const struct plan *plan;
    uint8_t *rgb;
    uint32_t pixels;
    atomic_uint next; /* first pixel nobody has drawn */
    atomic_uint done; /* finished pixels */
    atomic_bool is_stopped;
    pthread_mutex_t lock;    /* guards busy */
    pthread_cond_t finished; /* busy became 0 */
    unsigned busy;
};

static void *crowd_main(void *arg);
static void crowd_draw(struct crowd *crowd, uint32_t first);
static void crowd_watch(struct crowd *crowd);

unsigned cpu_threads(void)
{
    cpu_set_t cores;
    int count = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
    unsigned threads = count > 0 ? (unsigned)count : 1;
    return threads > THREADS_DEFAULT_MAX ? THREADS_DEFAULT_MAX : threads;
}

static void crowd_init(struct crowd *crowd, const struct plan *plan, uint8_t *rgb)
{
    crowd->plan = plan;
    crowd->rgb = rgb;
    crowd->pixels = plan->frame.width * plan->frame.height;
    pthread_condattr_t attributes;
    ensure(pthread_condattr_init(&attributes) == 0);
    ensure(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    ensure(pthread_cond_init(&crowd->finished, &attributes) == 0);
    ensure(pthread_mutex_init(&crowd->lock, NULL) == 0);
    pthread_condattr_destroy(&attributes);
}

enum render_end cpu_render(const struct plan *plan, unsigned threads, uint8_t *rgb)
{
    struct crowd crowd = {0};
    pthread_t ids[THREADS_MAX];
    threads = threads > THREADS_MAX ? THREADS_MAX : threads;
    crowd_init(&crowd, plan, rgb);
    crowd.busy = threads;
    for (unsigned i = 0; i < threads; i++) {
        ensure(pthread_create(&ids[i], NULL, crowd_main, &crowd) == 0);
    }
    crowd_watch(&crowd);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
    }
    pthread_cond_destroy(&crowd.finished);
    pthread_mutex_destroy(&crowd.lock);
    return atomic_load(&crowd.is_stopped) ? RENDER_STOPPED : RENDER_DONE;
}

static void *crowd_main(void *arg)
{
    struct crowd *crowd = arg;
    uint32_t first = atomic_fetch_add(&crowd->next, RUN_PIXELS);
    while (first < crowd->pixels && !atomic_load(&crowd->is_stopped)) {
        crowd_draw(crowd, first);
        first = atomic_fetch_add(&crowd->next, RUN_PIXELS);
    }
    pthread_mutex_lock(&crowd->lock);
    crowd->busy--;
    pthread_cond_signal(&crowd->finished);
    pthread_mutex_unlock(&crowd->lock);
    return NULL;
}

static void crowd_draw(struct crowd *crowd, uint32_t first)
{
    const struct plan *plan = crowd->plan;
    uint32_t end = crowd->pixels - first < RUN_PIXELS ? crowd->pixels : first + RUN_PIXELS;
    for (uint32_t i = first; i < end; i++) {
        if (plan->is_stopped(plan->arg)) {
            atomic_store(&crowd->is_stopped, true);
            return;
        }
        kernel_pixel(plan->scene, &plan->frame, i, crowd->rgb + (size_t)i * 3);
    }
    atomic_fetch_add(&crowd->done, end - first);
}

static void crowd_wait(struct crowd *crowd)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(&crowd->finished, &crowd->lock, &until);
}

/* The lock is not held during tick(), which may talk to the network. */
static void crowd_watch(struct crowd *crowd)
{
    const struct plan *plan = crowd->plan;
    pthread_mutex_lock(&crowd->lock);
    while (crowd->busy > 0) {
        crowd_wait(crowd);
        if (crowd->busy == 0) {
            break;
        }
        pthread_mutex_unlock(&crowd->lock);
        if (plan->tick(plan->arg, atomic_load(&crowd->done))) {
            atomic_store(&crowd->is_stopped, true);
        }
        pthread_mutex_lock(&crowd->lock);
    }
    pthread_mutex_unlock(&crowd->lock);
}
