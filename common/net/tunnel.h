/* One request that asks for a WebSocket, passed on to another server. Once that one has agreed the
 * two connections are one: bytes go both ways as they come. Memory is bounded: a side that does not
 * take its bytes stops the reading of the other. */
#ifndef NET_TUNNEL_H
#define NET_TUNNEL_H

#include "net/http.h"
#include "net/relay.h"

/* Whether a request is for relay_start() or for tunnel_start(). */
bool tunnel_is_wanted(const struct http_request *request);

struct tunnel_target {
    struct loop *loop;
    const char *address; /* "HOST:PORT" */
    struct slice path, query;
    bool (*is_dropped)(struct slice name); /* as in relay.h */
    const char *const *headers;
    const char *reply_headers;
    uint64_t answer_ms; /* until the other side has agreed or refused */
    uint64_t idle_ms;   /* without a byte either way, then both sides are closed */
};

struct tunnel;
/* Called once, later. RELAY_DONE: the request is dead. */
typedef void (*tunnel_fn)(void *arg, enum relay_end end, enum err err, const char *problem);
struct tunnel *tunnel_start(struct http_request *request, const struct tunnel_target *target,
                            tunnel_fn fn, void *arg);
/* Lets go of the request, which is the owner's again or has gone; no callback comes. Accepts NULL.
 */
void tunnel_cancel(struct tunnel *tunnel);
/* Both sides are closed as far as they are open; the callback comes from inside. */
void tunnel_cut(struct tunnel *tunnel);

#endif
