/* The transitions of management: documents of endpoints, API keys. As in queue.h arguments are
 * copied before a call returns, and replies are borrowed during the callback. */
#ifndef QUEUE_QUEUE_MANAGE_H
#define QUEUE_QUEUE_MANAGE_H

#include "queue/queue.h"

/* ---- endpoints ---- */

#define CONFIGURE_EXISTS (-1)
#define CONFIGURE_UNKNOWN (-2)
#define CONFIGURE_OUTDATED (-3)
/* The reply of all three is the new version, 0 after a delete, or one of the above. */
void queue_create(struct store *store, struct store_call *call, struct slice ep,
                  struct slice document, store_fn fn); /* EXISTS */
/* version: the one that the new document was made from. */
void queue_replace(struct store *store, struct store_call *call, struct slice ep, int64_t version,
                   struct slice document, store_fn fn); /* UNKNOWN, OUTDATED */
/* Only the document: queue_dissolve() ends the jobs. */
void queue_delete(struct store *store, struct store_call *call, struct slice ep,
                  store_fn fn); /* UNKNOWN */

struct endpoint_view {
    struct slice document;
    int64_t version;
    const struct reply *reply; /* worker i is endpoint_view_worker(view, i) */
    size_t worker_count;
};
struct worker_view {
    struct slice id, state, agent;
    int64_t held, since_ms; /* epoch */
    int64_t version;        /* of the newest document that it is the handler of */
};
enum describe_what { DESCRIBE_DOCUMENT, DESCRIBE_WORKERS };
void queue_describe(struct store *store, struct store_call *call, struct slice ep,
                    enum describe_what what, store_fn fn);
/* ERR_NOT_FOUND: there is no such endpoint. */
enum err queue_describe_result(const struct reply *reply, struct endpoint_view *ret_view);
void endpoint_view_worker(const struct endpoint_view *view, size_t index,
                          struct worker_view *ret_worker);

/* ---- machines ---- */

struct agents_view {
    int64_t now_ms;            /* Redis time */
    const struct reply *reply; /* agent i is agents_view_at(view, i) */
    size_t count;
};
struct agent_view {
    struct slice id, description; /* JSON as the agent wrote it */
    int64_t beat_ms;              /* Redis time; 0: never */
    bool is_live;                 /* heard of within AGENT_LOST_MS */
};
void queue_agents(struct store *store, struct store_call *call, store_fn fn);
enum err queue_agents_result(const struct reply *reply, struct agents_view *ret_view);
void agents_view_at(const struct agents_view *view, size_t index, struct agent_view *ret_agent);

/* One page of ended jobs; call again while has_more. */
struct dissolve_page {
    bool has_more;
    size_t watched_count; /* queue_dissolve_watched() */
};
void queue_dissolve(struct store *store, struct store_call *call, struct slice ep, int64_t most,
                    store_fn fn);
enum err queue_dissolve_result(const struct reply *reply, struct dissolve_page *ret_page);
void queue_dissolve_watched(const struct reply *reply, size_t index, struct job_change *ret_change);

/* ---- keys ---- */

/* digest: SHA-256 in hex. Reply: 1, or 0 when the id is taken. */
void queue_grant(struct store *store, struct store_call *call, struct slice id, struct slice digest,
                 struct slice record, store_fn fn);
/* Reply: 1, or 0 when there is no such key. */
void queue_revoke(struct store *store, struct store_call *call, struct slice id, store_fn fn);

#endif
