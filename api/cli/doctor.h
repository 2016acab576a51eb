/* What `millrace doctor` finds: one line each on stdout, counted for the exit status. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "queue/checkup.h"

struct doctor {
    int warnings, refusals;
};

/* "ok       redis 10.0.0.5:6379   Redis 7.2.4"; where says which program, what the text. */
void doctor_say(struct doctor *doctor, enum checkup_level level, const char *where,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Redis: every master node, then what schedulers and agents have written there. url must be valid.
 * Blocks for some seconds at most. */
void doctor_redis(struct doctor *doctor, const char *url);

#endif
