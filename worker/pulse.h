/* When the streams of an agent are flushed: after a pause at once, then what has come meanwhile, of
 * all of them together, every PULSE_MS. Together, because what starts in one turn goes to the store
 * as one call, and from there to each API node as one message. */
#ifndef WORKER_PULSE_H
#define WORKER_PULSE_H

#include "base/list.h"
#include "net/loop.h"

#define PULSE_MS 5

struct pulse_member;
typedef void (*pulse_fn)(struct pulse_member *member);

/* Embedded. */
struct pulse_member {
    struct list link;
    pulse_fn fn;
};

struct pulse {
    struct loop *loop;
    struct list waiting; /* pulse_member.link */
    struct timer timer;
};

void pulse_init(struct pulse *pulse, struct loop *loop);
void pulse_done(struct pulse *pulse); /* nobody is called any more */
void pulse_member_init(struct pulse_member *member, pulse_fn fn);
/* Its fn is called once, with the next beat; harmless while it waits for it. */
void pulse_join(struct pulse *pulse, struct pulse_member *member);
void pulse_leave(struct pulse_member *member); /* harmless when it does not wait */

#endif
