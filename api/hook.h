/* The webhook outbox of this node: delivers the ends of jobs to the URLs that asked for them.
 *
 * Every node may deliver for every endpoint. Deliveries lie in Redis until they succeed or are
 * given up, so a node may die at any time; a receiver may then see a try twice, with the same
 * webhook-id. How it goes never changes a job. */
#ifndef API_HOOK_H
#define API_HOOK_H

#include "catalog.h"
#include "hook_address.h"
#include "net/loop.h"
#include "queue/store.h"

struct hooks;
struct hooks_config {
    struct hook_policy policy; /* moved in */
    int64_t pause_ms;          /* between the first three tries */
    const char *node_id;
    const char *ca_file; /* authorities beside the system's directory; NULL: the system's */
};
struct hooks *hooks_new(struct loop *loop, struct store *store, struct catalog *catalog,
                        const struct hooks_config *config);
/* Something is due at the endpoint of this prefix ("mr:{id}:"); empty: look everywhere. */
void hooks_notify(struct hooks *hooks, struct slice prefix);
const struct hook_policy *hooks_policy(const struct hooks *hooks);
void hooks_stop(struct hooks *hooks); /* claims nothing more */
void hooks_free(struct hooks *hooks); /* cuts what is on its way; accepts NULL */

#endif
