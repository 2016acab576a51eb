/* One after the other: of all who want to go the same way one has the turn, the others wait in the
 * order in which they came. For large things, of which a copy exists while they are on their way.
 */
#ifndef NET_TURNS_H
#define NET_TURNS_H

#include "base/list.h"
#include "net/loop.h"

#define TURN_BYTES ((size_t)1 << 20) /* of smaller ones many copies do not matter */

struct turn;
typedef void (*turn_fn)(struct turn *turn);

/* Embedded in the one who wants it. */
struct turn {
    /* private */
    struct list link;
    struct turns *turns; /* while it waits or has the turn */
    turn_fn fn;
};

struct turns {
    /* private */
    struct loop *loop;
    struct list waiting; /* turn.link */
    struct turn *holder; /* NULL: nobody has it */
    struct timer timer;  /* calls the next one */
};

void turns_init(struct turns *turns, struct loop *loop);
void turns_done(struct turns *turns); /* nobody may wait or have it */
void turn_init(struct turn *turn);
/* fn is called, later, when it is its turn. Harmless while it waits for it or has it. */
void turn_join(struct turns *turns, struct turn *turn, turn_fn fn);
/* Gives the turn back, or the place among those who wait; harmless when it has neither. */
void turn_leave(struct turn *turn);

#endif
