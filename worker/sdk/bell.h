/* Something that happens once (the drain, the end) as a file descriptor that stays readable
 * afterwards, so that a thread can wait for it together with a socket or a delay. */
#ifndef SDK_BELL_H
#define SDK_BELL_H

#include <stdbool.h>

struct bell {
    int fd; /* readable once rung; for poll() only */
};

void bell_init(struct bell *bell);
void bell_ring(const struct bell *bell); /* any thread or signal handler, any number of times */
bool bell_is_rung(const struct bell *bell);
/* Blocks until the bell rings or ms have passed; true when it has rung. */
bool bell_wait(const struct bell *bell, unsigned ms);
void bell_done(struct bell *bell);

#endif
