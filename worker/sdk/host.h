/* What all threads of millrace-handler share. It is filled before the first thread starts and
 * constant from then on, but for the roster and the bells, which lock for themselves. */
#ifndef SDK_HOST_H
#define SDK_HOST_H

#include "bell.h"
#include "library.h"
#include "line.h"
#include "roster.h"
#include "routes.h"

struct host {
    struct library library;
    void *state; /* the handler's, from its init() */
    struct routes routes;
    const char *key; /* RUNPOD_AI_API_KEY, or NULL */
    struct roster roster;
    struct bell drain; /* take no further jobs (SIGTERM, retire) */
    struct bell end;   /* all jobs are through: helpers leave */
};

#endif
