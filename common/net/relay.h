/* One request of our HTTP server passed on to another server, and its answer passed back as it
 * comes. Neither side waits for the whole of the other; a client that reads slowly slows the
 * server.
 */
#ifndef NET_RELAY_H
#define NET_RELAY_H

#include "net/fetch.h"
#include "net/http.h"

/* A header of the other side's answer that means: not the answer, ask somebody else. */
#define RELAY_REFUSED "X-Millrace-Refused"

enum relay_end {
    RELAY_DONE,     /* answered, or cut off in the middle: the request is dead */
    RELAY_UNREACHED /* nothing has been answered: the request is still the owner's */
};

struct relay;
/* problem: for RELAY_UNREACHED, else NULL. The relay may be started again or freed from inside. */
typedef void (*relay_fn)(struct relay *relay, enum relay_end end, enum err err,
                         const char *problem);

/* Embedded; zeroed memory is not running. */
struct relay {
    /* private */
    struct http_request *request;
    struct fetch *fetch;
    struct loop *loop;
    struct timer room_timer;
    char *reply_headers;
    relay_fn fn;
    bool has_begun;
};

struct relay_target {
    struct fetcher *fetcher;
    struct loop *loop;
    const char *url;
    /* Whether a header of the request stays behind; those of the connection always do. */
    bool (*is_dropped)(struct slice name);
    const char *const *headers; /* further ones for the other side, NULL-terminated */
    const char *reply_headers;  /* further lines for the client, "" for none */
    uint64_t timeout_ms;
};

/* The body of the request is complete. on_gone stays the owner's, who then calls relay_cancel(). */
void relay_start(struct relay *relay, struct http_request *request,
                 const struct relay_target *target, relay_fn fn);
void relay_cancel(struct relay *relay); /* harmless when it is not running */
bool relay_is_running(const struct relay *relay);

#endif
