/* Keys: a small cache of digests in front of one HGET. A record is read once, when it comes; after
 * that a request costs one digest, one look into the map and no memory. */
#include "auth.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"

#define BELIEVE_MS 4000 /* a revoked key is dead after 5 s, even if no node was told */
#define KEY_MAX 512
#define CACHE_MAX 10000 /* wrong keys are remembered too: the cache is emptied at this size */

struct known_key {
    struct map_node node;
    char digest[DIGEST_HEX_SIZE];
    bool is_key; /* false: there is no such key */
    struct permits permits;
    int64_t expires_ms; /* wall clock, 0: never */
    uint64_t until_ms;  /* believed so long */
};

struct auth {
    struct loop *loop;
    struct store *store;
    struct slice admin_key;
    struct map known;
};

struct auth *auth_new(struct loop *loop, struct store *store, const char *admin_key)
{
    struct auth *auth = xcalloc(1, sizeof(*auth));
    auth->loop = loop;
    auth->store = store;
    auth->admin_key = slice_of(admin_key);
    map_init(&auth->known);
    return auth;
}

static void known_clear(struct auth *auth)
{
    struct map_node *node;
    while ((node = map_next(&auth->known, NULL)) != NULL) {
        struct known_key *known = container_of(node, struct known_key, node);
        map_del(&auth->known, node);
        permits_done(&known->permits);
        free(known);
    }
}

void auth_forget(struct auth *auth)
{
    known_clear(auth);
}

void auth_free(struct auth *auth)
{
    if (auth != NULL) {
        known_clear(auth);
        map_done(&auth->known);
        free(auth);
    }
}

struct slice auth_key(const struct http_request *request)
{
    struct slice key = slice_trim(http_header(request, "authorization"));
    const struct slice scheme = SLICE("bearer ");
    if (key.len >= scheme.len && slice_eq_nocase((struct slice){key.ptr, scheme.len}, scheme)) {
        key = slice_trim(slice_from(key, scheme.len));
    }
    return key;
}

static struct known_key *known_find(const struct auth *auth, const char *digest)
{
    struct map_node *node = map_get(&auth->known, slice_of(digest));
    return node != NULL ? container_of(node, struct known_key, node) : NULL;
}

bool auth_check(struct auth *auth, struct slice key, struct slice ep, struct access *ret_access)
{
    *ret_access = (struct access){0};
    if (key.len == 0 || key.len > KEY_MAX) {
        return true;
    }
    if (auth->admin_key.len > 0 && digest_eq(key, auth->admin_key)) {
        *ret_access = (struct access){true, PERMIT_EVERYTHING};
        return true;
    }
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(key, digest);
    const struct known_key *known = known_find(auth, digest);
    if (known == NULL || known->until_ms < loop_now_ms(auth->loop)) {
        return false;
    }
    if (known->is_key && (known->expires_ms == 0 || clock_wall_ms() < known->expires_ms)) {
        *ret_access = (struct access){true, permits_at(&known->permits, ep)};
    }
    return true;
}

void auth_tag(struct slice key, char out[AUTH_TAG_SIZE])
{
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(key, digest);
    memcpy(out, digest, AUTH_TAG_SIZE - 1);
    out[AUTH_TAG_SIZE - 1] = '\0';
}

void auth_ask(struct auth *auth, struct slice key, struct store_call *call, store_fn fn)
{
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(key, digest);
    const struct slice argv[] = {SLICE("HGET"), SLICE("mr:{sys}:keys"), slice_of(digest)};
    store_command(auth->store, call, argv, COUNT_OF(argv), fn);
}

/* {"id", "name", "scopes", "createdAt", "expiresAt"}, see ops/keys.c */
static void known_read(struct known_key *known, struct slice record)
{
    struct json_member members[] = {{.name = "scopes"}, {.name = "expiresAt"}};
    AUTO(buf_done) struct buf problem = BUF_INIT;
    permits_done(&known->permits);
    known->expires_ms = 0;
    known->is_key = record.len > 0 &&
                    json_scan(record, members, COUNT_OF(members), NULL) == ERR_OK &&
                    permits_parse(members[0].value, &known->permits, &problem) == ERR_OK;
    if (known->is_key && members[1].value.len > 0) {
        known->is_key = json_to_i64(members[1].value, &known->expires_ms) == ERR_OK;
    }
    if (record.len > 0 && !known->is_key) {
        log_error("key.broken", "problem=%s", log_quote(buf_slice(&problem)));
    }
}

void auth_asked(struct auth *auth, struct slice key, const struct reply *reply)
{
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(key, digest);
    struct known_key *known = known_find(auth, digest);
    if (known == NULL) {
        if (auth->known.count >= CACHE_MAX) {
            known_clear(auth);
        }
        known = xcalloc(1, sizeof(*known));
        memcpy(known->digest, digest, sizeof(digest));
        map_put(&auth->known, &known->node, slice_of(known->digest));
    }
    known_read(known, reply_slice(reply));
    known->until_ms = loop_now_ms(auth->loop) + BELIEVE_MS;
}
