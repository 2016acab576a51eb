/* What a key may do, and where. Pure.
 *
 * Scopes as clients write them: {"<endpoint id>" or "*": ["run", "read", "cancel", "purge",
 * "admin"]}. "admin" of one endpoint is its document only; "admin" of "*" is everything. */
#ifndef API_PERMIT_H
#define API_PERMIT_H

#include "base/buf.h"

enum permit {
    PERMIT_NONE = 0, /* of a route: no key needed */
    PERMIT_RUN = 1,
    PERMIT_READ = 2,
    PERMIT_CANCEL = 4,
    PERMIT_PURGE = 8,
    PERMIT_ADMIN = 16,  /* read, change and delete the endpoint's document */
    PERMIT_MANAGE = 32, /* all endpoints and all keys; only by "admin" of "*" */
    PERMIT_EVERYTHING = 63,
    PERMIT_LOCAL = 64 /* of a route: nothing on loopback, PERMIT_MANAGE from elsewhere */
};
#define PERMIT_ENDPOINTS_MAX 100 /* searched in order for each request */

/* The permits of one endpoint. */
struct endpoint_permits {
    char ep[64];
    unsigned permits; /* enum permit, or-ed */
};

/* Zeroed memory permits nothing. */
struct permits {
    unsigned everywhere;
    size_t count;
    struct endpoint_permits *endpoints; /* owned */
};
void permits_done(struct permits *permits);
AUTO_DEFINE_EMBEDDED(permits_done, struct permits)

/* scopes: text of the object. On an error the problem names the endpoint, what is wrong with it and
 * what is allowed, and ret_permits is untouched. */
enum err permits_parse(struct slice scopes, struct permits *ret_permits, struct buf *problem);
/* ep: empty for what belongs to no endpoint. */
unsigned permits_at(const struct permits *permits, struct slice ep);
const char *permit_name(enum permit permit); /* "run" */

#endif
