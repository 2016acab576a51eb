/* Ranges are compared bit by bit; which addresses are special is one table. A NAT64 or 6to4 address
 * leads to the IPv4 address inside it, so those ranges are special as a whole. */
#include "hook_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const struct {
    const char *range, *kind;
} special[] = {
    {"127.0.0.0/8", "a loopback"},
    {"::1/128", "a loopback"},
    {"10.0.0.0/8", "a private"},
    {"172.16.0.0/12", "a private"},
    {"192.168.0.0/16", "a private"},
    {"100.64.0.0/10", "a private"},
    {"fc00::/7", "a private"},
    {"fec0::/10", "a private"},
    {"169.254.0.0/16", "a link-local"},
    {"fe80::/10", "a link-local"},
    {"224.0.0.0/4", "a multicast"},
    {"ff00::/8", "a multicast"},
    {"0.0.0.0/8", "a reserved"},
    {"192.0.0.0/24", "a reserved"},
    {"192.0.2.0/24", "a reserved"},
    {"192.88.99.0/24", "a reserved"},
    {"198.18.0.0/15", "a reserved"},
    {"198.51.100.0/24", "a reserved"},
    {"203.0.113.0/24", "a reserved"},
    {"240.0.0.0/4", "a reserved"},
    {"::/96", "a reserved"},
    {"64:ff9b::/96", "a reserved"},
    {"64:ff9b:1::/48", "a reserved"},
    {"100::/64", "a reserved"},
    {"2001::/23", "a reserved"},
    {"2001:db8::/32", "a reserved"},
    {"2002::/16", "a reserved"},
    {"3fff::/20", "a reserved"},
    {"5f00::/16", "a reserved"},
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

/* The first range wins; NULL: a public address. */
static const char *special_kind(const unsigned char bytes[16])
{
    for (size_t i = 0; i < COUNT_OF(special); i++) {
        struct address_range range;
        ensure(range_parse(slice_of(special[i].range), &range) == ERR_OK);
        if (range_has(&range, bytes)) {
            return special[i].kind;
        }
    }
    return NULL;
}

static bool allows_bytes(const struct hook_policy *policy, const unsigned char bytes[16],
                         enum hook_scheme scheme, struct buf *problem)
{
    const char *kind = special_kind(bytes);
    for (size_t i = 0; i < policy->count; i++) {
        if (range_has(&policy->allowed[i], bytes)) {
            return true;
        }
    }
    if (kind != NULL) {
        buf_printf(problem,
                   "%s address is not allowed: use one of the public ones over https, or of those "
                   "that --webhook-allow lists",
                   kind);
    } else if (scheme == HOOK_HTTP) {
        buf_put_str(problem, "plain http to a public address is not allowed: use https, or have "
                             "--webhook-allow list the address");
    }
    return kind == NULL && scheme == HOOK_HTTPS;
}

bool hook_policy_allows(const struct hook_policy *policy, const struct sockaddr *address,
                        enum hook_scheme scheme, struct buf *problem)
{
    unsigned char bytes[16];
    if (!address_bytes(address, bytes)) {
        buf_put_str(problem, "an address that is neither IPv4 nor IPv6 is not allowed");
        return false;
    }
    return allows_bytes(policy, bytes, scheme, problem);
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
    size_t scheme = hook_url_scheme(url) == HOOK_HTTP ? 7 : 8;
    struct slice rest = slice_from(url, scheme < url.len ? scheme : url.len);
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

/* "name", "1.2.3.4:80", "[::1]:80": false without a name. The port is with its colon, or empty. */
static bool host_split(struct slice host, struct slice *ret_name, struct slice *ret_port)
{
    bool is_bracketed = host.len > 0 && host.ptr[0] == '[';
    const char *end = host.len > 0 ? memchr(host.ptr, is_bracketed ? ']' : ':', host.len) : NULL;
    size_t len = end != NULL ? (size_t)(end - host.ptr) : host.len;
    struct slice port = slice_from(host, is_bracketed && end != NULL ? len + 1 : len);
    if ((is_bracketed && end == NULL) || (port.len > 0 && port.ptr[0] != ':')) {
        return false;
    }
    *ret_name =
        is_bracketed ? (struct slice){host.ptr + 1, len - 1} : (struct slice){host.ptr, len};
    *ret_port = port;
    return ret_name->len > 0;
}

static bool is_port(struct slice text)
{
    int64_t port = 0;
    struct slice digits = slice_from(text, 1);
    return digits.len > 0 && digits.ptr[0] >= '0' && digits.ptr[0] <= '9' &&
           slice_to_i64(digits, &port) == ERR_OK && port >= 1 && port <= 65535;
}

/* An address in it can be judged now, a name only when it has been resolved. */
static void check_host(const struct hook_policy *policy, struct slice url, struct buf *problem)
{
    struct slice name, port;
    struct address_range literal;
    if (!host_split(hook_url_host(url), &name, &port)) {
        buf_put_str(problem, "webhook has no host: use https://HOST, https://HOST:PORT/PATH, "
                             "https://[IPV6]:PORT/PATH");
    } else if (port.len > 0 && !is_port(port)) {
        buf_put_str(problem, "webhook has no number as its port: use 1 to 65535, or none");
    } else if (range_parse(name, &literal) == ERR_OK) {
        AUTO(buf_done) struct buf why = BUF_INIT;
        if (!allows_bytes(policy, literal.bytes, hook_url_scheme(url), &why)) {
            buf_put_str(problem, "webhook: ");
            buf_put_slice(problem, buf_slice(&why));
        }
    }
}

enum err hook_url_check(const struct hook_policy *policy, struct slice url, struct buf *problem)
{
    bool may_be_plain = policy->count > 0, is_plain = has_scheme(url, SLICE("http://"));
    if (url.len > HOOK_URL_MAX) {
        buf_printf(problem, "webhook has %zu bytes: use at most %d", url.len, HOOK_URL_MAX);
    } else if (!is_plain_text(url)) {
        buf_put_str(problem, "webhook has a blank, control or non-ASCII character: use "
                             "percent-encoding, in a host name punycode");
    } else if (is_plain && !may_be_plain) {
        buf_put_str(problem, "webhook is plain http: use https, or have --webhook-allow list the "
                             "addresses that may be reached without it");
    } else if (!is_plain && !has_scheme(url, SLICE("https://"))) {
        buf_printf(problem, "webhook begins with another scheme or none: use https://%s",
                   may_be_plain ? " or http://" : "");
    } else {
        check_host(policy, url, problem);
    }
    return problem->len > 0 ? ERR_BAD_REQUEST : ERR_OK;
}
