/* The endpoint documents this node has seen. Redis holds the truth; a cached one is dropped when
 * the channel mr:conf names it, and after CATALOG_TTL_MS in case that message was lost. */
#ifndef API_CATALOG_H
#define API_CATALOG_H

#include "queue/endpoint.h"
#include "queue/glance.h"
#include "queue/store.h"

/* A document shared by the requests that use it. */
struct catalog_entry {
    struct endpoint *endpoint;
    struct glance_shared glances; /* of /status */
    /* private */
    unsigned refs;
    uint64_t loaded_ms;
};

struct catalog;
struct catalog *catalog_new(struct loop *loop, struct store *store);
void catalog_free(struct catalog *catalog);
/* The cached entry with a reference, or NULL: then load it. */
struct catalog_entry *catalog_get(struct catalog *catalog, struct slice id);
void catalog_unref(struct catalog_entry *entry); /* accepts NULL */
/* Asks Redis; in the callback catalog_loaded() turns the reply into an entry with a reference.
 * ERR_NOT_FOUND: there is no such endpoint. */
void catalog_load(struct catalog *catalog, struct slice id, struct store_call *call, store_fn fn);
enum err catalog_loaded(struct catalog *catalog, const struct reply *reply,
                        struct catalog_entry **ret_entry);
/* The same for an endpoint that was deleted, as long as webhooks of it may be on their way; the
 * entry is the caller's alone. ERR_NOT_FOUND: it exists, or nothing of it is left. */
void catalog_load_deleted(struct catalog *catalog, struct slice id, struct store_call *call,
                          store_fn fn);
enum err catalog_loaded_deleted(struct catalog *catalog, const struct reply *reply,
                                struct catalog_entry **ret_entry);
/* prefix: "mr:{id}:"; empty: all. */
void catalog_forget(struct catalog *catalog, struct slice prefix);

#endif
