/* The agent's URLs, from the environment that RunPod gives its workers.
 *
 * `$RUNPOD_POD_ID` stands for the worker. `$ID` stands for the worker in RUNPOD_WEBHOOK_GET_JOB and
 * for the job in the two POST templates. The batch and the stop URL are the job-take URL with
 * another word in the place of `/job-take/`. */
#ifndef SDK_ROUTES_H
#define SDK_ROUTES_H

#include "base/buf.h"

struct routes {
    char *worker; /* RUNPOD_POD_ID, or a random one */
    char *take;   /* expanded */
    char *batch;  /* expanded; NULL when `take` has no "/job-take/" */
    char *stop;   /* likewise */
    char *ping;   /* expanded; NULL: no pings */
    char *done;   /* template */
    char *stream; /* template */
    unsigned ping_ms;
};

typedef char *(*routes_getenv_fn)(const char *name);

/* On ERR_BAD_REQUEST `problem` holds one line that names the variable; routes_done() then too. */
enum err routes_init(struct routes *routes, routes_getenv_fn get, struct buf *problem);
void routes_done(struct routes *routes);

/* The template with both placeholders replaced, percent-encoded; the caller's to free. A NULL id
 * leaves `$ID` as it is. */
char *routes_expand(const char *template, const char *worker, const char *id);

/* Appends `query` ("a=1&b=2") to the URL in `url` with the separator that it needs. */
void routes_add_query(struct buf *url, const char *query);

#endif
