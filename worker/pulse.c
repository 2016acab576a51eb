/* The timer runs as long as somebody came since the last beat. The first after a pause is served in
 * the next turn, so that those who come in the same one are with it. */
#include "pulse.h"

static void on_beat(struct timer *timer)
{
    struct pulse *pulse = container_of(timer, struct pulse, timer);
    if (list_is_empty(&pulse->waiting)) {
        return;
    }
    struct list now;
    list_init(&now);
    list_splice(&now, &pulse->waiting);
    timer_start(pulse->loop, timer, PULSE_MS, on_beat);
    for (struct list *at = list_pop(&now); at != NULL; at = list_pop(&now)) {
        struct pulse_member *member = container_of(at, struct pulse_member, link);
        member->fn(member);
    }
}

void pulse_init(struct pulse *pulse, struct loop *loop)
{
    *pulse = (struct pulse){.loop = loop};
    list_init(&pulse->waiting);
}

void pulse_done(struct pulse *pulse)
{
    timer_stop(&pulse->timer);
}

void pulse_member_init(struct pulse_member *member, pulse_fn fn)
{
    list_init(&member->link);
    member->fn = fn;
}

void pulse_join(struct pulse *pulse, struct pulse_member *member)
{
    if (list_is_linked(&member->link)) {
        return;
    }
    list_push(&pulse->waiting, &member->link);
    if (!timer_is_running(&pulse->timer)) {
        timer_start(pulse->loop, &pulse->timer, 0, on_beat);
    }
}

void pulse_leave(struct pulse_member *member)
{
    list_unlink(&member->link);
}
