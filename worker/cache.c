/* An array, the latest first: it is small, and read far more often than changed. Names are refused
 * that could not stand in the agent's description as they are. */
#include "cache.h"

#include "base/json.h"

static size_t find(const struct cache *cache, const char *entry)
{
    for (size_t i = 0; i < cache->count; i++) {
        if (strcmp(cache->entries[i], entry) == 0) {
            return i;
        }
    }
    return cache->count;
}

static bool is_text(struct slice entry)
{
    AUTO(buf_done) struct buf json = BUF_INIT;
    buf_put_json_str(&json, entry);
    return json_check(buf_slice(&json), NULL, NULL) == ERR_OK;
}

/* NULL when the name is none. */
static char *entry_of(const char *kind, struct slice name)
{
    bool fits = name.len > 0 && strlen(kind) + 1 + name.len <= CACHE_ENTRY_MAX;
    return fits && is_text(name) ? xasprintf("%s:%.*s", kind, SLICE_ARG(name)) : NULL;
}

static char *take_out(struct cache *cache, size_t at)
{
    char *entry = cache->entries[at];
    cache->count--;
    memmove(cache->entries + at, cache->entries + at + 1,
            (cache->count - at) * sizeof(*cache->entries));
    return entry;
}

/* The same endpoint in another release. */
static size_t find_outdated(const struct cache *cache, const char *entry)
{
    size_t len = strcspn(entry, "@") + 1;
    bool is_endpoint = slice_starts(slice_of(entry), SLICE(CACHE_ENDPOINT ":"));
    for (size_t i = 0; i < cache->count && is_endpoint; i++) {
        if (strncmp(cache->entries[i], entry, len) == 0 && strcmp(cache->entries[i], entry) != 0) {
            return i;
        }
    }
    return cache->count;
}

bool cache_add(struct cache *cache, const char *kind, struct slice name)
{
    AUTO_STR entry = entry_of(kind, name);
    if (entry == NULL) {
        return false;
    }
    size_t outdated = find_outdated(cache, entry);
    if (outdated < cache->count) {
        free(take_out(cache, outdated));
    }
    size_t at = find(cache, entry);
    bool is_new = at == cache->count;
    if (!is_new || cache->count == CACHE_MAX) {
        free(take_out(cache, is_new ? CACHE_MAX - 1 : at));
    }
    memmove(cache->entries + 1, cache->entries, cache->count * sizeof(*cache->entries));
    cache->entries[0] = steal(entry);
    cache->count++;
    return is_new;
}

bool cache_drop(struct cache *cache, const char *kind, struct slice name)
{
    AUTO_STR entry = entry_of(kind, name);
    size_t at = entry != NULL ? find(cache, entry) : cache->count;
    if (at == cache->count) {
        return false;
    }
    free(take_out(cache, at));
    return true;
}

void cache_put_json(const struct cache *cache, struct buf *out)
{
    buf_put_char(out, '[');
    for (size_t i = 0; i < cache->count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        buf_put_json_str(out, slice_of(cache->entries[i]));
    }
    buf_put_char(out, ']');
}

void cache_done(struct cache *cache)
{
    while (cache->count > 0) {
        free(cache->entries[--cache->count]);
    }
}
