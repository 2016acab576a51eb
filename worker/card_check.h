/* ONE fitness check of a card, in a process of its own, so that a driver that hangs or crashes does
 * not take the agent along. */
#ifndef WORKER_CARD_CHECK_H
#define WORKER_CARD_CHECK_H

#include "tool.h"

struct card_check_spec {
    struct tools *tools;
    const char *uuid;
    const char *fake; /* file of cards that are not there; NULL: real ones */
    uint64_t limit_ms;
};

enum card_verdict {
    CARD_FIT,
    CARD_UNFIT,
    CARD_UNCHECKED /* this build or machine cannot check, or the program cannot be started */
};
struct card_check_end {
    enum card_verdict verdict;
    const char *problem; /* one line; "" when it is fit */
    const char *report;  /* JSON as the program printed it; "" when it did not */
};

struct card_check;
typedef void (*card_check_fn)(const struct card_check_end *end, void *arg);

/* Calls back once, later, and frees itself afterwards. */
struct card_check *card_check_start(const struct card_check_spec *spec, card_check_fn fn,
                                    void *arg);
void card_check_cancel(struct card_check *check); /* ends it without a callback; accepts NULL */

#endif
