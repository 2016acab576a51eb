/* Keeps a program from working on a Redis that cannot keep its jobs: each time the store is ready,
 * every master node's INFO is looked at (checkup.h). Warnings are logged; what is refused at the
 * program's first connection ends the program, later it is only logged. */
#ifndef QUEUE_GUARD_H
#define QUEUE_GUARD_H

#include "queue/store_survey.h"

enum guard_mode { GUARD_REFUSE, GUARD_WARN };

struct guard {
    /* private */
    struct survey survey;
    enum guard_mode mode;
    bool is_asking, is_refused;
    bool has_answer; /* of some node, in this look */
    bool has_passed; /* a look that was answered found nothing to refuse */
    struct loop *loop;
};

/* The loop is stopped when a server is refused; the log says why, the exit status is 1 then. */
void guard_init(struct guard *guard, struct loop *loop, enum guard_mode mode);
/* The store has become ready. */
void guard_look(struct guard *guard, struct store *store);
bool guard_is_refused(const struct guard *guard);
void guard_done(struct guard *guard); /* before the store is closed */

#endif
