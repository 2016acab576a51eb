/* Parsing by cutting slices; the shortest grammar that covers what people write. */
#include "queue/store_url.h"

#include <sys/un.h>

#define REDIS_PORT 6379
#define SENTINEL_PORT 26379

static const char allowed[] =
    "use redis://[[user]:password@]host[:port][/db], unix:///path[?db=N], "
    "redis+sentinel://[[user]:password@]host[:port],.../MASTER[/db][?sentinel-password=...] or "
    "redis+cluster://[[user]:password@]host[:port],...; rediss for TLS with "
    "?cacert=FILE&cert=FILE&key=FILE";

static const struct {
    const char *scheme;
    enum store_kind kind;
    bool is_tls;
} schemes[] = {
    {"redis://", STORE_SINGLE, false},
    {"rediss://", STORE_SINGLE, true},
    {"redis+sentinel://", STORE_SENTINEL, false},
    {"rediss+sentinel://", STORE_SENTINEL, true},
    {"redis+cluster://", STORE_CLUSTER, false},
    {"rediss+cluster://", STORE_CLUSTER, true},
};

static enum err refuse(struct buf *problem, const char *what)
{
    (void)buf_printf(problem, "%s: %s", what, allowed);
    return ERR_BAD_REQUEST;
}

/* ---- addresses ---- */

enum err store_address_parse(struct slice text, int default_port, struct store_address *ret)
{
    struct slice host = text, port = SLICE_NONE;
    if (text.len > 0 && text.ptr[0] == '[') {
        port = slice_from(text, 1);
        host = slice_cut(&port, ']');
        if (port.ptr == NULL || (port.len > 0 && port.ptr[0] != ':')) {
            return ERR_BAD_REQUEST;
        }
        port = port.len > 0 ? slice_from(port, 1) : SLICE_NONE;
    } else {
        const char *colon = text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL;
        if (colon != NULL) {
            host = (struct slice){text.ptr, (size_t)(colon - text.ptr)};
            port = slice_from(text, host.len + 1);
        }
    }
    int64_t number = port.ptr != NULL ? slice_to_i64_or(port, 0) : default_port;
    if (host.len == 0 || host.len >= sizeof(ret->host) || number < 1 || number > 65535) {
        return ERR_BAD_REQUEST;
    }
    *ret = (struct store_address){.port = (int)number};
    memcpy(ret->host, host.ptr, host.len);
    return ERR_OK;
}

char *store_address_text(const struct store_address *address)
{
    if (address->port == 0) {
        return xstrdup(address->host);
    }
    return xasprintf(strchr(address->host, ':') != NULL ? "[%s]:%d" : "%s:%d", address->host,
                     address->port);
}

bool store_address_eq(const struct store_address *a, const struct store_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* ---- parts ---- */

static enum err parse_db(struct slice text, struct store_url *url, struct buf *problem)
{
    if (text.len > 0 && (slice_to_i64(text, &url->db) != ERR_OK || url->db < 0)) {
        return refuse(problem, "the database is not a number");
    }
    return ERR_OK;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* NULL when a % is not followed by two hexadecimal digits, or stands for a zero byte. */
static char *unescape(struct slice text)
{
    AUTO_STR out = xmalloc(text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
            if (low < 0 || high * 16 + low == 0) {
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return steal(out);
}

/* name=value&...; what may be given depends on the kind. */
static enum err parse_parameters(struct slice rest, struct store_url *url, struct buf *problem)
{
    const struct {
        const char *name;
        char **value;
        bool is_allowed;
    } known[] = {
        {"sentinel-user", &url->sentinel_user, url->kind == STORE_SENTINEL},
        {"sentinel-password", &url->sentinel_password, url->kind == STORE_SENTINEL},
        {"cacert", &url->cacert, url->is_tls},
        {"cert", &url->cert, url->is_tls},
        {"key", &url->key, url->is_tls},
    };
    while (rest.len > 0) {
        struct slice value = slice_cut(&rest, '&');
        struct slice name = slice_cut(&value, '=');
        size_t i = 0;
        while (i < COUNT_OF(known) && !(known[i].is_allowed && slice_is(name, known[i].name))) {
            i++;
        }
        if (i == COUNT_OF(known)) {
            return refuse(problem, "unknown parameter");
        }
        free(*known[i].value);
        *known[i].value = value.len > 0 ? unescape(value) : NULL;
        if (*known[i].value == NULL) {
            return refuse(problem, "a parameter is empty or has a % without two hex digits");
        }
    }
    if ((url->cert == NULL) != (url->key == NULL)) {
        return refuse(problem, "cert and key belong together");
    }
    return ERR_OK;
}

static void parse_login(struct slice login, struct store_url *url)
{
    struct slice password = login;
    struct slice user = slice_cut(&password, ':');
    if (password.ptr == NULL) { /* redis://password@host, as some clients write it */
        password = user;
        user = SLICE_NONE;
    }
    url->user = user.len > 0 ? slice_dup(user) : NULL;
    url->password = password.len > 0 ? slice_dup(password) : NULL;
}

static enum err parse_seeds(struct slice where, struct store_url *url, struct buf *problem)
{
    int port = url->kind == STORE_SENTINEL ? SENTINEL_PORT : REDIS_PORT;
    url->seeds = xcalloc(STORE_SEEDS_MAX, sizeof(struct store_address));
    do {
        struct slice one = url->kind == STORE_SINGLE ? where : slice_cut(&where, ',');
        where = url->kind == STORE_SINGLE ? SLICE_NONE : where;
        if (url->seed_count == STORE_SEEDS_MAX) {
            return refuse(problem, "more than 32 hosts");
        }
        if (one.len == 0) {
            return refuse(problem, "the host is missing");
        }
        if (store_address_parse(one, port, &url->seeds[url->seed_count++]) != ERR_OK) {
            return refuse(problem, "the host is missing or the port is not between 1 and 65535");
        }
    } while (where.len > 0);
    return ERR_OK;
}

/* ---- kinds ---- */

static enum err parse_unix(struct slice rest, struct store_url *url, struct buf *problem)
{
    struct slice path = slice_cut(&rest, '?');
    struct sockaddr_un address;
    if (path.len == 0 || path.ptr[0] != '/' || path.len >= sizeof(address.sun_path)) {
        return refuse(problem, "the socket path is not absolute or longer than 107 bytes");
    }
    if (rest.len > 0 && !slice_starts(rest, SLICE("db="))) {
        return refuse(problem, "unknown parameter");
    }
    url->seeds = xcalloc(1, sizeof(struct store_address));
    url->seed_count = 1;
    memcpy(url->seeds[0].host, path.ptr, path.len);
    return parse_db(rest.len > 0 ? slice_from(rest, 3) : rest, url, problem);
}

/* What follows the hosts: "master[/db]", "db" or nothing. */
static enum err parse_path(struct slice path, struct store_url *url, struct buf *problem)
{
    if (url->kind == STORE_SENTINEL) {
        struct slice master = slice_cut(&path, '/');
        if (master.len == 0) {
            return refuse(problem, "the name of the master is missing");
        }
        url->master = slice_dup(master);
    } else if (url->kind == STORE_CLUSTER && path.len > 0 && !slice_is(path, "0")) {
        return refuse(problem, "a cluster has no databases");
    }
    return parse_db(path, url, problem);
}

static enum err parse_hosts(struct slice rest, struct store_url *url, struct buf *problem)
{
    const char *at = rest.len ? memrchr(rest.ptr, '@', rest.len) : NULL;
    if (at != NULL) {
        parse_login((struct slice){rest.ptr, (size_t)(at - rest.ptr)}, url);
        rest = slice_from(rest, (size_t)(at - rest.ptr) + 1);
    }
    struct slice parameters = rest;
    struct slice path = slice_cut(&parameters, '?');
    struct slice where = slice_cut(&path, '/');
    enum err err = parse_seeds(where, url, problem);
    if (err == ERR_OK) {
        err = parse_path(path, url, problem);
    }
    return err == ERR_OK ? parse_parameters(parameters, url, problem) : err;
}

enum err store_url_parse(const char *text, struct store_url *ret_url, struct buf *problem)
{
    struct slice whole = slice_of(text);
    AUTO(store_url_done) struct store_url url = {0};
    enum err err = ERR_BAD_REQUEST;
    size_t i = 0;
    if (slice_starts(whole, SLICE("unix://"))) {
        err = parse_unix(slice_from(whole, 7), &url, problem);
    } else {
        while (i < COUNT_OF(schemes) && !slice_starts(whole, slice_of(schemes[i].scheme))) {
            i++;
        }
        if (i == COUNT_OF(schemes)) {
            return refuse(problem, "unknown scheme");
        }
        url.kind = schemes[i].kind;
        url.is_tls = schemes[i].is_tls;
        err = parse_hosts(slice_from(whole, strlen(schemes[i].scheme)), &url, problem);
    }
    if (err == ERR_OK) {
        *ret_url = url;
        url = (struct store_url){0};
    }
    return err;
}

void store_url_done(struct store_url *url)
{
    char *const texts[] = {
        url->master, url->user, url->password, url->sentinel_user, url->sentinel_password,
        url->cacert, url->cert, url->key};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        free(texts[i]);
    }
    free(url->seeds);
    *url = (struct store_url){0};
}

char *store_url_shown(const char *text)
{
    const char *scheme_end = strstr(text, "://");
    size_t start = scheme_end != NULL ? (size_t)(scheme_end - text) + 3 : 0;
    const char *at = strrchr(text + start, '@'), *question = strchr(text + start, '?');
    if (at != NULL && question != NULL && question < at) {
        return xasprintf("%.*s***", (int)start, text); /* either may be part of a password */
    }
    struct slice parameters = slice_of(at != NULL ? at : text + start);
    struct slice hosts = slice_cut(&parameters, '?');
    return xasprintf("%.*s%s%.*s%s", (int)start, text, at != NULL ? "***" : "", SLICE_ARG(hosts),
                     parameters.ptr != NULL ? "?***" : "");
}
