/* join -> waiting -> (timer) the turn, fn -> leave -> (timer) the next
 *
 * By a timer: who leaves may be about to free what the next one needs the room for. */
#include "net/turns.h"

#include "base/err.h"

static void on_turn(struct timer *timer)
{
    struct turns *turns = container_of(timer, struct turns, timer);
    struct list *first = list_pop(&turns->waiting);
    if (first != NULL) {
        turns->holder = container_of(first, struct turn, link);
        turns->holder->fn(turns->holder);
    }
}

static void call_next(struct turns *turns)
{
    if (turns->holder == NULL && !list_is_empty(&turns->waiting)) {
        timer_start(turns->loop, &turns->timer, 0, on_turn);
    }
}

void turns_init(struct turns *turns, struct loop *loop)
{
    *turns = (struct turns){.loop = loop};
    list_init(&turns->waiting);
}

void turns_done(struct turns *turns)
{
    ensure(turns->holder == NULL && list_is_empty(&turns->waiting));
    timer_stop(&turns->timer);
}

void turn_init(struct turn *turn)
{
    *turn = (struct turn){0};
    list_init(&turn->link);
}

void turn_join(struct turns *turns, struct turn *turn, turn_fn fn)
{
    if (turn->turns != NULL) {
        ensure(turn->turns == turns);
        return;
    }
    turn->turns = turns;
    turn->fn = fn;
    list_push(&turns->waiting, &turn->link);
    call_next(turns);
}

void turn_leave(struct turn *turn)
{
    struct turns *turns = turn->turns;
    if (turns == NULL) {
        return;
    }
    turn->turns = NULL;
    list_unlink(&turn->link);
    if (turns->holder == turn) {
        turns->holder = NULL;
        call_next(turns);
    }
}
