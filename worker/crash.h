/* Starts that died before their first take: told to the store, so that the scheduler can stop
 * starts that lead nowhere and say why jobs wait. And those that did take a job, which ends the
 * row. */
#ifndef WORKER_CRASH_H
#define WORKER_CRASH_H

#include "process.h"

struct slot;
/* why: clean text. */
void crash_report(struct slot *slot, struct slice why);
void crash_report_end(struct slot *slot, const struct process_end *end);
/* Its process has been given its first job. */
void crash_disprove(struct slot *slot);

#endif
