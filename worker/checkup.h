/* ONE fitness check of a card, in a process of its own, so that a driver that hangs or crashes does
 * not take the agent along. */
#ifndef WORKER_CHECKUP_H
#define WORKER_CHECKUP_H

#include "base/buf.h"
#include "keeper.h"
#include "reaper.h"

struct checkup_spec {
    struct loop *loop;
    struct reaper *reaper;
    struct keeper *keeper;
    const char *uuid;
    const char *fake; /* file of cards that are not there; NULL: real ones */
    uint64_t limit_ms;
};

enum checkup_verdict {
    CHECKUP_FIT,
    CHECKUP_UNFIT,
    CHECKUP_IMPOSSIBLE /* this build or machine cannot check */
};
struct checkup_end {
    enum checkup_verdict verdict;
    const char *problem; /* one line; "" when it is fit */
    const char *report;  /* JSON as the program printed it; "" when it did not */
};

struct checkup;
typedef void (*checkup_fn)(const struct checkup_end *end, void *arg); /* frees itself afterwards */

/* problem says why it could not start. */
enum err checkup_start(const struct checkup_spec *spec, checkup_fn fn, void *arg,
                       struct checkup **ret_checkup, struct buf *problem);
void checkup_kill(struct checkup *checkup); /* its end follows */

#endif
