/* Ranges are compared bit by bit; which addresses are special is one table. A NAT64 or 6to4 address
 * leads to the IPv4 address inside it, so those ranges are special as a whole. */
#include "hook_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const char *const special[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "::/96",         "64:ff9b::/96",    "64:ff9b:1::/48", "100::/64",       "2001::/23",
    "2001:db8::/32", "2002::/16",       "3fff::/20",      "5f00::/16",      "fc00::/7",
    "fe80::/10",     "fec0::/10",       "ff00::/8",
};

static void map_v4(const void *v4, unsigned char bytes[16])
{
    memset(bytes, 0, 10);
    bytes[10] = bytes[11] = 0xff;
    memcpy(bytes + 12, v4, 4);
}

/* "10.0.0.0/8", "::1" */
static enum err range_parse(struct slice text, struct address_range *ret_range)
{
    struct slice rest = text;
    struct slice address = slice_cut(&rest, '/');
    char name[INET6_ADDRSTRLEN];
    if (address.len == 0 || address.len >= sizeof(name)) {
        return ERR_BAD_REQUEST;
    }
    memcpy(name, address.ptr, address.len);
    name[address.len] = '\0';
    struct address_range range = {.bits = 0};
    unsigned char v4[4];
    bool is_v4 = inet_pton(AF_INET, name, v4) == 1;
    if (is_v4) {
        map_v4(v4, range.bytes);
    } else if (inet_pton(AF_INET6, name, range.bytes) != 1) {
        return ERR_BAD_REQUEST;
    }
    int64_t most = is_v4 ? 32 : 128, bits = most;
    bool has_bits = address.len < text.len;
    if (has_bits && (slice_to_i64(rest, &bits) != ERR_OK || bits < 0 || bits > most)) {
        return ERR_BAD_REQUEST;
    }
    range.bits = (unsigned)(128 - most + bits);
    *ret_range = range;
    return ERR_OK;
}

static bool range_has(const struct address_range *range, const unsigned char bytes[16])
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(range->bytes, bytes, whole) != 0) {
        return false;
    }
    unsigned mask = rest > 0 ? 0xffU & (0xff00U >> rest) : 0;
    return rest == 0 || ((range->bytes[whole] ^ bytes[whole]) & mask) == 0;
}

enum err hook_policy_init(struct hook_policy *policy, const struct config_strings *ranges,
                          const char **ret_bad)
{
    size_t cap = 0;
    *policy = (struct hook_policy){0};
    for (size_t i = 0; i < ranges->count; i++) {
        struct slice rest = slice_of(ranges->items[i]);
        while (rest.len > 0) { /* the flag gives "A,B" in one piece */
            struct slice text = slice_trim(slice_cut(&rest, ','));
            struct address_range range;
            if (text.len > 0 && range_parse(text, &range) != ERR_OK) {
                *ret_bad = ranges->items[i];
                return ERR_BAD_REQUEST;
            }
            if (policy->count == cap) {
                cap = cap ? cap * 2 : 8;
                policy->allowed = xrealloc(policy->allowed, cap * sizeof(range));
            }
            if (text.len > 0) {
                policy->allowed[policy->count++] = range;
            }
        }
    }
    return ERR_OK;
}

void hook_policy_done(struct hook_policy *policy)
{
    free(policy->allowed);
    *policy = (struct hook_policy){0};
}

/* ---- addresses ---- */

static bool address_bytes(const struct sockaddr *address, unsigned char bytes[16])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        map_v4(&v4.sin_addr, bytes);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        memcpy(bytes, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

static bool is_special(const unsigned char bytes[16])
{
    for (size_t i = 0; i < COUNT_OF(special); i++) {
        struct address_range range;
        ensure(range_parse(slice_of(special[i]), &range) == ERR_OK);
        if (range_has(&range, bytes)) {
            return true;
        }
    }
    return false;
}

bool hook_policy_allows(const struct hook_policy *policy, const struct sockaddr *address,
                        enum hook_scheme scheme)
{
    unsigned char bytes[16];
    if (!address_bytes(address, bytes)) {
        return false;
    }
    for (size_t i = 0; i < policy->count; i++) {
        if (range_has(&policy->allowed[i], bytes)) {
            return true;
        }
    }
    return scheme == HOOK_HTTPS && !is_special(bytes);
}

/* ---- URLs ---- */

static bool has_scheme(struct slice url, struct slice scheme)
{
    return url.len >= scheme.len && slice_eq_nocase((struct slice){url.ptr, scheme.len}, scheme);
}

enum hook_scheme hook_url_scheme(struct slice url)
{
    return has_scheme(url, SLICE("http://")) ? HOOK_HTTP : HOOK_HTTPS;
}

struct slice hook_url_host(struct slice url)
{
    struct slice rest = slice_from(url, hook_url_scheme(url) == HOOK_HTTP ? 7 : 8);
    size_t len = 0;
    while (len < rest.len && strchr("/?#\\", rest.ptr[len]) == NULL) {
        len++;
    }
    struct slice host = {rest.ptr, len};
    const char *user = len > 0 ? memrchr(rest.ptr, '@', len) : NULL;
    return user != NULL ? slice_from(host, (size_t)(user - rest.ptr) + 1) : host;
}

static bool is_plain_text(struct slice url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~') {
            return false;
        }
    }
    return url.len > 0;
}

/* "name", "1.2.3.4:80", "[::1]:80" */
static bool is_host(struct slice host)
{
    size_t end = 0;
    if (host.len > 0 && host.ptr[0] == '[') {
        const char *close = memchr(host.ptr, ']', host.len);
        end = close != NULL ? (size_t)(close - host.ptr) + 1 : 0;
    } else {
        const char *colon = host.len > 0 ? memchr(host.ptr, ':', host.len) : NULL;
        end = colon != NULL ? (size_t)(colon - host.ptr) : host.len;
    }
    if (end == 0 || end == host.len) {
        return end > 0;
    }
    int64_t port = 0;
    struct slice digits = slice_from(host, end + 1);
    return host.ptr[end] == ':' && digits.len > 0 && digits.ptr[0] >= '0' && digits.ptr[0] <= '9' &&
           slice_to_i64(digits, &port) == ERR_OK && port >= 1 && port <= 65535;
}

enum err hook_url_check(const struct hook_policy *policy, struct slice url, struct buf *problem)
{
    bool may_be_plain = policy->count > 0;
    const char *allowed = may_be_plain ? "an https:// or http:// URL" : "an https:// URL";
    bool has_known_scheme =
        has_scheme(url, SLICE("https://")) || (may_be_plain && has_scheme(url, SLICE("http://")));
    if (url.len > HOOK_URL_MAX || !is_plain_text(url) || !has_known_scheme ||
        !is_host(hook_url_host(url))) {
        (void)buf_printf(problem, "webhook must be %s of at most %d plain ASCII characters%s",
                         allowed, HOOK_URL_MAX,
                         may_be_plain ? "" : " (http needs --webhook-allow on this server)");
        return ERR_BAD_REQUEST;
    }
    return ERR_OK;
}
