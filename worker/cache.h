/* What starts faster on this machine than elsewhere: endpoints whose handlers ran here lately,
 * container images that are present. A small set of strings "KIND:NAME"; the scheduler prefers a
 * machine that has what it is about to start. A hint only: an entry may be outdated. */
#ifndef WORKER_CACHE_H
#define WORKER_CACHE_H

#include "base/buf.h"

#define CACHE_MAX 64        /* entries; the one added longest ago goes first */
#define CACHE_ENTRY_MAX 255 /* bytes of "KIND:NAME"; longer ones are not kept */

#define CACHE_ENDPOINT "endpoint" /* NAME is ID@RELEASE of the document; only the last is kept */
#define CACHE_IMAGE "image"       /* NAME is the reference as the endpoint document has it */

/* Zeroed memory is an empty cache. */
struct cache {
    /* private */
    char *entries[CACHE_MAX]; /* owned, the latest first */
    size_t count;
};

/* Makes it the latest. True when it was not there. */
bool cache_add(struct cache *cache, const char *kind, struct slice name);
/* It is no longer there. True when it was. */
bool cache_drop(struct cache *cache, const char *kind, struct slice name);
void cache_put_json(const struct cache *cache, struct buf *out); /* ["image:a","endpoint:b@1"] */
void cache_done(struct cache *cache);

#endif
