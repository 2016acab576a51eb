/* How much one key may do at one endpoint.
 *
 * Requests in a window of 10 s are counted by the transition itself (struct rate), so exactly over
 * all nodes. Requests in flight are counted here; each living node gets an even share of the limit.
 */
#ifndef API_LIMIT_H
#define API_LIMIT_H

#include "queue/endpoint.h"
#include "queue/queue.h"

struct limits;
/* node_id: this node's name in the list of living nodes. */
struct limits *limits_new(struct loop *loop, struct store *store, struct slice node_id);
void limits_free(struct limits *limits); /* accepts NULL */

/* One request in flight; embedded in the operation, zeroed memory is none. */
struct flight {
    char bucket[160]; /* "GROUP:KEY:EP" */
    /* private */
    struct limits *limits;
    struct flights *flights;
};
/* False when the share of this node is used up: answer ERR_LIMITED. key_tag: see auth.h. */
bool flight_enter(struct limits *limits, struct flight *flight, const struct endpoint *endpoint,
                  enum limit_group group, struct slice key_tag);
void flight_leave(struct flight *flight); /* harmless when it has not entered */
/* What the transition shall count; RATE_NONE when the endpoint has no limit there. */
struct rate flight_rate(const struct flight *flight, const struct endpoint *endpoint,
                        enum limit_group group);

#endif
