/* push -> (timer) -> start one -> (timer, sockets) -> start one ... */
#include "heavy.h"

#include "op.h"
#include "route.h"

#define TURN_MS 1 /* the shortest time after which sockets have had their turn */

void heavy_init(struct heavy *heavy, struct loop *loop)
{
    heavy->loop = loop;
    list_init(&heavy->ops);
}

static void on_turn(struct timer *timer)
{
    struct heavy *heavy = container_of(timer, struct heavy, timer);
    struct list *first = list_pop(&heavy->ops);
    if (!list_is_empty(&heavy->ops)) {
        timer_start(heavy->loop, &heavy->timer, TURN_MS, on_turn);
    }
    if (first != NULL) {
        struct op *op = container_of(first, struct op, heavy_link);
        op->route->start(op);
    }
}

void heavy_start(struct heavy *heavy, struct op *op)
{
    list_push(&heavy->ops, &op->heavy_link);
    if (!timer_is_running(&heavy->timer)) {
        timer_start(heavy->loop, &heavy->timer, TURN_MS, on_turn);
    }
}

void heavy_done(struct heavy *heavy)
{
    ensure(list_is_empty(&heavy->ops));
    timer_stop(&heavy->timer);
}
