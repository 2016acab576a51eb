/* Where webhooks may go. Pure.
 *
 * https to public addresses is always allowed. Loopback, private, link-local, multicast and other
 * special addresses, and plain http, only for the ranges that the operator lists. The judge is
 * asked for the address of each connection, after names have been resolved. */
#ifndef API_HOOK_ADDRESS_H
#define API_HOOK_ADDRESS_H

#include "base/buf.h"
#include "base/config.h"

#define HOOK_URL_MAX 2048

struct sockaddr;

/* IPv4 ranges stand as IPv4-mapped IPv6 ones, so an address has one form only. */
struct address_range {
    unsigned char bytes[16];
    unsigned bits;
};
struct hook_policy {
    struct address_range *allowed; /* owned */
    size_t count;
};

/* ERR_BAD_REQUEST: ret_bad is the text that is no "ADDRESS/BITS" nor "ADDRESS". */
enum err hook_policy_init(struct hook_policy *policy, const struct config_strings *ranges,
                          const char **ret_bad);
void hook_policy_done(struct hook_policy *policy);

enum hook_scheme { HOOK_HTTPS, HOOK_HTTP };
/* False: problem says what is wrong and what is allowed. It does not show the address: who names a
 * host need not know what it is inside. */
bool hook_policy_allows(const struct hook_policy *policy, const struct sockaddr *address,
                        enum hook_scheme scheme, struct buf *problem);
/* Could it ever be delivered? As far as the URL shows; ERR_BAD_REQUEST: problem says why not. */
enum err hook_url_check(const struct hook_policy *policy, struct slice url, struct buf *problem);
enum hook_scheme hook_url_scheme(struct slice url); /* of a checked URL */
/* "host:port" as written in a checked URL: what is limited together. Of anything else something. */
struct slice hook_url_host(struct slice url);

#endif
