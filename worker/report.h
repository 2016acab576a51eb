/* Tells the store what the handler processes of one endpoint do: soon after a change, never more
 * often than every REPORT_MIN_MS, and again every REPORT_MAX_MS. */
#ifndef WORKER_REPORT_H
#define WORKER_REPORT_H

#include "queue/queue.h"

#define REPORT_MIN_MS 500
#define REPORT_MAX_MS 5000

struct report {
    /* private */
    struct timer timer;
    struct store_call call;
    uint64_t sent_ms;
    char **gone; /* worker ids to be taken off, owned */
    size_t gone_count, sent_gone;
};

struct group;
void report_change(struct group *group);
void report_gone(struct group *group, const char *worker);
bool report_is_sent(const struct report *report); /* nothing is left to tell */
void report_done(struct report *report);

#endif
