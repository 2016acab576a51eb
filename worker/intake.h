/* Bodies of handlers' posts: each is read when there is room for it beside all others that are
 * being received and all results and chunks that are not stored yet (agent_config.bodies_max).
 * Until then the handler waits: SDKs try a post three times within seconds, and drop the result
 * then. */
#ifndef WORKER_INTAKE_H
#define WORKER_INTAKE_H

#include "base/list.h"
#include "net/bodies.h"
#include "net/http.h"
#include "net/loop.h"

struct agent;
struct intake {
    struct bodies bodies; /* being received */
    /* private */
    struct list waiting; /* receipt.link, the first to be read first */
    struct timer timer;
};

void intake_init(struct intake *intake, size_t max);
void intake_done(struct intake *intake); /* no request may be left */
/* Accepts the request, later perhaps; after a minute without room it is answered 503. Its op and
 * on_gone are taken until intake_over(). */
void intake_begin(struct agent *agent, struct http_request *request, size_t body_max);
/* So much of a body without an announced length has come: it is read on, others wait for it. */
void intake_grew(struct http_request *request, size_t bytes);
/* The body has come, and its reader counts what it keeps. */
void intake_over(struct http_request *request);
/* Is there room for what comes in pieces, from servers that can be told to wait? */
bool intake_has_room(const struct agent *agent);

#endif
