/* One plain command asked of every master node: for `doctor`, metrics and start-up checks.
 *
 * A single Redis and a Sentinel's master are one node, a cluster has as many as it has shards. */
#ifndef QUEUE_STORE_SURVEY_H
#define QUEUE_STORE_SURVEY_H

#include "queue/store.h"

struct survey;

/* Once for each node, in no certain order, with the node's "host:port" or socket path (borrowed)
 * and what a call would get; then once with node NULL: then the survey is idle again. Before the
 * nodes are known there is nobody to ask: when they stay unknown for the store's wait_ms, one call
 * with node "" brings the error. */
typedef void (*survey_fn)(struct survey *survey, const char *node, enum err err,
                          const struct reply *reply);

/* Embedded in the operation that waits; zeroed memory is an idle survey. */
struct survey {
    /* private */
    survey_fn fn;
    struct store *store;
    struct store_call first;
    struct list probes;
    char **words;
    size_t word_count;
};

/* Arguments (at most 8) are copied before it returns. */
void survey_start(struct survey *survey, struct store *store, const struct slice *args,
                  size_t count, survey_fn fn);
/* No further callback; may be called from inside one. Harmless on an idle survey. */
void survey_stop(struct survey *survey);

#endif
