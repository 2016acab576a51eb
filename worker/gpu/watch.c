/* One lock guards all that both threads touch. The thread only posts: it writes what it has read
 * and wakes the loop. Readings that the loop has not taken are replaced by newer ones, but an Xid
 * stays until it was taken. */
#include "gpu/watch.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/clock.h"

#define STOP_WAIT_S 2

struct watch {
    struct loop *loop;
    struct gpu_source *source; /* the thread's */
    size_t count;
    watch_fn fn;
    void *arg;
    pthread_t thread;
    uv_async_t *async; /* NULL once closed */
    pthread_mutex_t lock;
    pthread_cond_t bell;
    /* guarded by lock */
    struct gpu_reading readings[GPU_MAX];
    uint64_t begun;    /* rounds */
    uint64_t begun_ms; /* 0: no look runs */
    bool is_asked, is_new, is_stopping;
};

static void *run(void *arg);
static void on_async(uv_async_t *async);

struct watch *watch_new(struct loop *loop, struct gpu_source *source, size_t count, watch_fn fn,
                        void *arg)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));
    watch->loop = loop;
    watch->source = source;
    watch->count = count;
    watch->fn = fn;
    watch->arg = arg;
    watch->is_asked = true;
    pthread_condattr_t attributes;
    ensure(pthread_condattr_init(&attributes) == 0);
    ensure(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    ensure(pthread_cond_init(&watch->bell, &attributes) == 0);
    ensure(pthread_mutex_init(&watch->lock, NULL) == 0);
    (void)pthread_condattr_destroy(&attributes);
    watch->async = xcalloc(1, sizeof(*watch->async));
    ensure(uv_async_init(loop_uv(loop), watch->async, on_async) == 0);
    uv_unref((uv_handle_t *)watch->async);
    watch->async->data = watch;
    ensure(pthread_create(&watch->thread, NULL, run, watch) == 0);
    return watch;
}

/* ---- the thread ---- */

/* Locked. False: the thread shall end. */
static bool wait_for_turn(struct watch *watch)
{
    struct timespec due;
    (void)clock_gettime(CLOCK_MONOTONIC, &due);
    uint64_t ns = (uint64_t)due.tv_nsec + watch->source->period_ms % 1000 * 1000000;
    due.tv_sec += (time_t)(watch->source->period_ms / 1000 + ns / 1000000000);
    due.tv_nsec = (long)(ns % 1000000000);
    int status = 0;
    while (!watch->is_stopping && !watch->is_asked && status == 0) {
        status = pthread_cond_timedwait(&watch->bell, &watch->lock, &due);
    }
    watch->is_asked = false;
    return !watch->is_stopping;
}

/* Locked. */
static void post(struct watch *watch, struct gpu_reading *readings)
{
    for (size_t i = 0; i < watch->count; i++) {
        unsigned xid = watch->is_new ? watch->readings[i].xid : 0;
        readings[i].xid = readings[i].xid != 0 ? readings[i].xid : xid;
        readings[i].round = watch->begun;
    }
    memcpy(watch->readings, readings, watch->count * sizeof(*readings));
    watch->is_new = true;
    watch->begun_ms = 0;
    if (watch->async != NULL) {
        (void)uv_async_send(watch->async);
    }
}

static void *run(void *arg)
{
    struct watch *watch = arg;
    struct gpu_reading readings[GPU_MAX];
    (void)pthread_mutex_lock(&watch->lock);
    while (wait_for_turn(watch)) {
        watch->begun++;
        watch->begun_ms = clock_mono_ms();
        (void)pthread_mutex_unlock(&watch->lock);
        memset(readings, 0, sizeof(readings));
        watch->source->look(watch->source, readings, watch->count);
        (void)pthread_mutex_lock(&watch->lock);
        post(watch, readings);
    }
    (void)pthread_mutex_unlock(&watch->lock);
    return NULL;
}

/* ---- the loop ---- */

static void on_async(uv_async_t *async)
{
    struct watch *watch = async->data;
    struct gpu_reading readings[GPU_MAX];
    (void)pthread_mutex_lock(&watch->lock);
    bool is_new = watch->is_new;
    memcpy(readings, watch->readings, sizeof(readings));
    watch->is_new = false;
    (void)pthread_mutex_unlock(&watch->lock);
    if (is_new) {
        watch->fn(readings, watch->arg);
    }
}

uint64_t watch_look(struct watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    watch->is_asked = true;
    uint64_t next = watch->begun + 1;
    (void)pthread_cond_signal(&watch->bell);
    (void)pthread_mutex_unlock(&watch->lock);
    return next;
}

uint64_t watch_busy_ms(struct watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    uint64_t begun_ms = watch->begun_ms;
    (void)pthread_mutex_unlock(&watch->lock);
    return begun_ms > 0 ? clock_mono_ms() - begun_ms : 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

void watch_close(struct watch *watch)
{
    if (watch == NULL) {
        return;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_WAIT_S;
    (void)pthread_mutex_lock(&watch->lock);
    watch->is_stopping = true;
    uv_close((uv_handle_t *)steal(watch->async), on_closed);
    (void)pthread_cond_signal(&watch->bell);
    (void)pthread_mutex_unlock(&watch->lock);
    if (pthread_timedjoin_np(watch->thread, NULL, &until) != 0) {
        (void)pthread_detach(watch->thread); /* hangs in the driver; what it uses must stay */
        return;
    }
    source_close(watch->source);
    (void)pthread_mutex_destroy(&watch->lock);
    (void)pthread_cond_destroy(&watch->bell);
    free(watch);
}

void source_close(struct gpu_source *source)
{
    if (source != NULL) {
        source->close(source);
    }
}
