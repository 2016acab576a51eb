/* Keys: a small cache of digests in front of one HGET. */
#include "auth.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/map.h"

#define BELIEVE_MS 5000
#define KEY_MAX 512
#define CACHE_MAX 10000 /* wrong keys are remembered too: the cache is emptied at this size */

struct known_key {
    struct map_node node;
    char digest[DIGEST_HEX_SIZE];
    enum scope scope;
    uint64_t until_ms;
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
        map_del(&auth->known, node);
        free(container_of(node, struct known_key, node));
    }
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

bool auth_check(struct auth *auth, struct slice key, enum scope *ret_scope)
{
    *ret_scope = SCOPE_NONE;
    if (key.len == 0 || key.len > KEY_MAX) {
        return true;
    }
    if (auth->admin_key.len > 0 && digest_eq(key, auth->admin_key)) {
        *ret_scope = SCOPE_ADMIN;
        return true;
    }
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(key, digest);
    struct map_node *node = map_get(&auth->known, slice_of(digest));
    struct known_key *known = node != NULL ? container_of(node, struct known_key, node) : NULL;
    if (known == NULL || known->until_ms < loop_now_ms(auth->loop)) {
        return false;
    }
    *ret_scope = known->scope;
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

/* {"name": ..., "scope": "admin" | "use"} */
static enum scope scope_of(struct slice record)
{
    struct json_member scope = {.name = "scope"};
    struct json_problem problem;
    if (record.len == 0 || json_scan(record, &scope, 1, &problem) != ERR_OK) {
        return SCOPE_NONE;
    }
    return slice_is(scope.value, "\"admin\"") ? SCOPE_ADMIN
           : slice_is(scope.value, "\"use\"") ? SCOPE_USE
                                              : SCOPE_NONE;
}

enum scope auth_asked(struct auth *auth, struct slice key, const struct reply *reply)
{
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(key, digest);
    struct map_node *node = map_get(&auth->known, slice_of(digest));
    struct known_key *known = node != NULL ? container_of(node, struct known_key, node) : NULL;
    if (known == NULL) {
        if (auth->known.count >= CACHE_MAX) {
            known_clear(auth);
        }
        known = xcalloc(1, sizeof(*known));
        memcpy(known->digest, digest, sizeof(digest));
        map_put(&auth->known, &known->node, slice_of(known->digest));
    }
    known->scope = scope_of(reply_slice(reply));
    known->until_ms = loop_now_ms(auth->loop) + BELIEVE_MS;
    return known->scope;
}
