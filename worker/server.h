/* The HTTP server of a `server` handler: its port, its health, its hunger for jobs.
 *
 * Exists from just before the start of its process to its end. It asks for jobs by a poll of its
 * own in slot.takes, and each job it is given is forwarded (forward.h). */
#ifndef WORKER_SERVER_H
#define WORKER_SERVER_H

#include "base/list.h"
#include "net/fetch.h"

struct slot;
struct server {
    struct slot *slot;
    int port;
    bool is_fit;          /* the health path answered 200 last: takes jobs */
    struct list passages; /* of gate.c: requests in hand, for load-balancing endpoints */
    size_t passage_count;
    /* private */
    struct fetch *probe;
    struct timer timer;
    uint64_t unfit_ms; /* no longer fit since */
    unsigned silent;   /* probes in a row without an answer */
};

/* Picks the port; problem when there is none. */
struct server *server_new(struct slot *slot, struct buf *problem);
void server_start(struct server *server); /* its process runs */
void server_free(struct server *server);  /* accepts NULL */
/* As many jobs are asked for as there is room; after each change of slot, jobs or fitness. */
void server_feed(struct server *server);
void server_passed(struct server *server); /* passage_count has changed */

#endif
