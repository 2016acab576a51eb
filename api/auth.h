/* Who may do what: API keys.
 *
 * The admin key of the command line is compared as it is, in constant time. All others are known by
 * their SHA-256 only, in the hash mr:{sys}:keys; what was found (or not) is believed for 5 s. */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "net/http.h"
#include "queue/store.h"

enum scope {
    SCOPE_NONE = 0,  /* no key needed, or: this key may do nothing */
    SCOPE_USE = 1,   /* the data plane: jobs of all endpoints */
    SCOPE_ADMIN = 2, /* everything, management included */
};

struct auth;
/* admin_key: borrowed for the life of the process, NULL for none. */
struct auth *auth_new(struct loop *loop, struct store *store, const char *admin_key);
void auth_free(struct auth *auth);

/* The key of a request: "Authorization: Bearer KEY" or "Authorization: KEY"; empty when absent. */
struct slice auth_key(const struct http_request *request);
/* True when the answer is known without asking Redis. */
bool auth_check(struct auth *auth, struct slice key, enum scope *ret_scope);
/* 16 hexadecimal digits that name the key in counters, never the key itself. */
#define AUTH_TAG_SIZE 17
void auth_tag(struct slice key, char out[AUTH_TAG_SIZE]);
/* Asks Redis; in the callback auth_asked() remembers and tells. key: the same as asked for. */
void auth_ask(struct auth *auth, struct slice key, struct store_call *call, store_fn fn);
enum scope auth_asked(struct auth *auth, struct slice key, const struct reply *reply);

#endif
