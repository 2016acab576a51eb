/* Parsing by cutting slices; the shortest grammar that covers what people write. */
#include "queue/store_url.h"

#include <sys/un.h>

static const char allowed[] =
    "use redis://[[user]:password@]host[:port][/db] or unix:///path[?db=N]";

static enum err refuse(struct buf *problem, const char *what)
{
    (void)buf_printf(problem, "%s: %s", what, allowed);
    return ERR_BAD_REQUEST;
}

static enum err parse_db(struct slice text, struct store_url *url, struct buf *problem)
{
    if (text.len > 0 && (slice_to_i64(text, &url->db) != ERR_OK || url->db < 0)) {
        return refuse(problem, "the database is not a number");
    }
    return ERR_OK;
}

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
    url->path = slice_dup(path);
    return parse_db(rest.len > 0 ? slice_from(rest, 3) : rest, url, problem);
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

static enum err parse_tcp(struct slice rest, struct store_url *url, struct buf *problem)
{
    const char *at = rest.len ? memrchr(rest.ptr, '@', rest.len) : NULL;
    if (at != NULL) {
        parse_login((struct slice){rest.ptr, (size_t)(at - rest.ptr)}, url);
        rest = slice_from(rest, (size_t)(at - rest.ptr) + 1);
    }
    struct slice where = slice_cut(&rest, '/');
    struct slice port = SLICE_NONE;
    if (where.len > 0 && where.ptr[0] == '[') {
        port = slice_from(where, 1);
        where = slice_cut(&port, ']');
        port = port.len > 0 && port.ptr[0] == ':' ? slice_from(port, 1) : port;
    } else {
        port = where;
        where = slice_cut(&port, ':');
    }
    int64_t number = port.len > 0 ? slice_to_i64_or(port, 0) : 6379;
    if (number < 1 || number > 65535) {
        return refuse(problem, "the port is not between 1 and 65535");
    }
    if (where.len == 0) {
        return refuse(problem, "the host is missing");
    }
    url->host = slice_dup(where);
    url->port = (int)number;
    return parse_db(rest, url, problem);
}

enum err store_url_parse(const char *text, struct store_url *ret_url, struct buf *problem)
{
    struct slice whole = slice_of(text);
    AUTO(store_url_done) struct store_url url = {0};
    enum err err;
    if (slice_starts(whole, SLICE("unix://"))) {
        err = parse_unix(slice_from(whole, 7), &url, problem);
    } else if (slice_starts(whole, SLICE("redis://"))) {
        err = parse_tcp(slice_from(whole, 8), &url, problem);
    } else {
        err = refuse(problem, "unknown scheme");
    }
    if (err == ERR_OK) {
        *ret_url = url;
        url = (struct store_url){0};
    }
    return err;
}

void store_url_done(struct store_url *url)
{
    free(url->host);
    free(url->path);
    free(url->user);
    free(url->password);
    *url = (struct store_url){0};
}
