/*   start -> announced (its container runs) -> ... -> announced anew | silent | released -> ended
 *
 * To stop or to kill is to condemn: the kubelet ends the container, and its next start tells that
 * this has happened. The owner is told of the end in a turn of its own when it asked for it. */
#include "external.h"

#include "base/clock.h"
#include "process_base.h"

struct external {
    struct process base;
    struct external_config config;
    struct timer timer; /* released: the end comes later */
    uint64_t started_ms;
};

static void external_stop(struct process *base, uint64_t grace_ms);
static void external_release(struct process *base, uint64_t grace_ms);
static void external_kill(struct process *base);

static const struct process_ops external_ops = {
    .stop = external_stop, .release = external_release, .kill = external_kill};

struct process *external_start(const struct external_config *config)
{
    struct external *external = xcalloc(1, sizeof(*external));
    external->config = *config;
    external->base.ops = &external_ops;
    external->base.is_up = config->is_up;
    external->started_ms = clock_mono_ms();
    return &external->base;
}

void external_free(struct process *base)
{
    if (base != NULL) {
        struct external *external = container_of(base, struct external, base);
        timer_stop(&external->timer);
        free(external);
    }
}

void external_end(struct process *base, const char *how)
{
    struct external *external = container_of(base, struct external, base);
    struct process_end end = {.output = &base->ring,
                              .exit_code = -1,
                              .oom = -1,
                              .how = how,
                              .lived_ms = clock_mono_ms() - external->started_ms};
    external->config.on_gone(external->config.arg);
    if (base->on_end != NULL) {
        base->on_end(&end, base->arg);
    }
    external_free(base);
}

void external_announce(struct process *base)
{
    struct external *external = container_of(base, struct external, base);
    if (base->is_up) {
        external_end(base, "its container ended and was started anew");
        return;
    }
    base->is_up = true;
    external->started_ms = clock_mono_ms();
}

static void external_stop(struct process *base, uint64_t grace_ms)
{
    (void)grace_ms; /* the probe of the container has its own */
    external_kill(base);
}

static void external_kill(struct process *base)
{
    struct external *external = container_of(base, struct external, base);
    external->config.on_condemn(external->config.arg);
}

static void on_released(struct timer *timer)
{
    struct external *external = container_of(timer, struct external, timer);
    external_end(&external->base, "it is not needed any more");
}

static void external_release(struct process *base, uint64_t grace_ms)
{
    struct external *external = container_of(base, struct external, base);
    (void)grace_ms;
    timer_start(external->config.loop, &external->timer, 0, on_released);
}
