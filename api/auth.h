/* Who may do what: API keys.
 *
 * The admin key of the command line is compared as it is, in constant time, and may do everything.
 * All others are known by their SHA-256 only, in the hash mr:{sys}:keys; what was found (or not) is
 * believed for 4 s, or until the channel mr:keys says that a key was revoked. */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "net/http.h"
#include "permit.h"
#include "queue/store.h"

/* What the key of one request may do at the endpoint of its path. */
struct access {
    bool is_known;    /* false: no key, or an unknown, revoked or expired one */
    unsigned permits; /* enum permit, or-ed */
};

struct auth;
/* admin_key: borrowed for the life of the process, NULL for none. */
struct auth *auth_new(struct loop *loop, struct store *store, const char *admin_key);
void auth_free(struct auth *auth);

/* The key of a request: "Authorization: Bearer KEY" or "Authorization: KEY"; empty when absent. */
struct slice auth_key(const struct http_request *request);
/* True when the answer is known without asking Redis. ep: the endpoint of the path, or empty. */
bool auth_check(struct auth *auth, struct slice key, struct slice ep, struct access *ret_access);
/* 16 hexadecimal digits that name the key in counters, never the key itself. */
#define AUTH_TAG_SIZE 17
void auth_tag(struct slice key, char out[AUTH_TAG_SIZE]);
/* Asks Redis; in the callback auth_asked() remembers; then auth_check() knows. */
void auth_ask(struct auth *auth, struct slice key, struct store_call *call, store_fn fn);
void auth_asked(struct auth *auth, struct slice key, const struct reply *reply);
/* Believes nothing any more: a key was revoked, or news may have been missed. */
void auth_forget(struct auth *auth);

#endif
