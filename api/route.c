/* Path matching over one table. A request crosses it once, the table is short. */
#include "route.h"

#include "ops/ops.h"

#define READ (HTTP_GET | HTTP_POST)

#define ANY (HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_PUT | HTTP_DELETE | HTTP_PATCH | HTTP_OPTIONS)

static const struct route routes[] = {
    {"/v2/:ep/run", HTTP_POST, PERMIT_RUN, BODY_RUN, LIMIT_RUN, run_start},
    {"/v2/:ep/runsync", HTTP_POST, PERMIT_RUN, BODY_RUNSYNC, LIMIT_RUNSYNC, runsync_start},
    {"/v2/:ep/status/:id", READ, PERMIT_READ, BODY_SMALL, LIMIT_STATUS, status_start},
    {"/v2/:ep/status-sync/:id", READ, PERMIT_READ, BODY_SMALL, LIMIT_STATUS, status_sync_start},
    {"/v2/:ep/stream/:id", READ, PERMIT_READ, BODY_SMALL, LIMIT_STATUS, stream_start},
    {"/v2/:ep/events/:id", HTTP_GET, PERMIT_READ, BODY_SMALL, LIMIT_STATUS, events_start},
    {"/v2/:ep/cancel/:id", HTTP_POST, PERMIT_CANCEL, BODY_SMALL, LIMIT_CANCEL, cancel_start},
    {"/v2/:ep/retry/:id", HTTP_POST, PERMIT_RUN, BODY_SMALL, LIMIT_NONE, retry_start},
    {"/v2/:ep/webhook-redeliver/:id", HTTP_GET, PERMIT_READ, BODY_SMALL, LIMIT_NONE,
     webhook_read_start},
    {"/v2/:ep/webhook-redeliver/:id", HTTP_POST, PERMIT_RUN, BODY_SMALL, LIMIT_NONE,
     webhook_redeliver_start},
    {"/v2/:ep/purge-queue", HTTP_POST, PERMIT_PURGE, BODY_SMALL, LIMIT_PURGE, purge_start},
    {"/v2/:ep/autoscaler", HTTP_GET, PERMIT_READ, BODY_SMALL, LIMIT_NONE, autoscaler_start},
    {"/v2/:ep/requests", HTTP_GET, PERMIT_READ, BODY_SMALL, LIMIT_REQUESTS, requests_start},
    {"/v2/:ep/openai/*", HTTP_GET | HTTP_POST, PERMIT_RUN, BODY_RUNSYNC, LIMIT_OPENAI,
     openai_start},
    {"/v2/:ep/logs", HTTP_GET, PERMIT_READ, BODY_SMALL, LIMIT_NONE, logs_start},
    {"/v2/:ep/health", HTTP_GET, PERMIT_READ, BODY_SMALL, LIMIT_NONE, health_start},
    {"/lb/:ep", ANY, PERMIT_RUN, BODY_GATE, LIMIT_NONE, lb_start},
    {"/lb/:ep/*", ANY, PERMIT_RUN, BODY_GATE, LIMIT_NONE, lb_start},
    {"/metrics", HTTP_GET, PERMIT_LOCAL, BODY_SMALL, LIMIT_NONE, metrics_start},
    {"/healthz", HTTP_GET | HTTP_HEAD, PERMIT_NONE, BODY_SMALL, LIMIT_NONE, healthz_start},
    {"/v1/agents", HTTP_GET, PERMIT_MANAGE, BODY_SMALL, LIMIT_NONE, agents_start},
    {"/v1/endpoints", HTTP_GET, PERMIT_MANAGE, BODY_SMALL, LIMIT_NONE, endpoints_list_start},
    {"/v1/endpoints", HTTP_POST, PERMIT_MANAGE, BODY_SMALL, LIMIT_NONE, endpoints_create_start},
    {"/v1/endpoints/:id", HTTP_GET, PERMIT_ADMIN, BODY_SMALL, LIMIT_NONE, endpoints_get_start},
    {"/v1/endpoints/:id", HTTP_PATCH, PERMIT_ADMIN, BODY_SMALL, LIMIT_NONE, endpoints_update_start},
    {"/v1/endpoints/:id", HTTP_DELETE, PERMIT_ADMIN, BODY_SMALL, LIMIT_NONE,
     endpoints_delete_start},
    {"/v1/endpoints/:id/update", HTTP_POST, PERMIT_ADMIN, BODY_SMALL, LIMIT_NONE,
     endpoints_update_start},
    {"/v1/keys", HTTP_GET, PERMIT_MANAGE, BODY_SMALL, LIMIT_NONE, keys_list_start},
    {"/v1/keys", HTTP_POST, PERMIT_MANAGE, BODY_SMALL, LIMIT_NONE, keys_create_start},
    {"/v1/keys/:id", HTTP_GET, PERMIT_MANAGE, BODY_SMALL, LIMIT_NONE, keys_get_start},
    {"/v1/keys/:id", HTTP_DELETE, PERMIT_MANAGE, BODY_SMALL, LIMIT_NONE, keys_revoke_start},
};

/* Cuts the segment that begins at *at off, and moves *at to its end. */
static struct slice take_segment(const char **at, const char *end)
{
    const char *begin = *at, *slash = memchr(begin, '/', (size_t)(end - begin));
    *at = slash != NULL ? slash : end;
    return (struct slice){begin, (size_t)(*at - begin)};
}

/* ":ep" and ":id" take a segment each, "*" all the rest, which is not empty; one slash behind the
 * last segment does not count. Byte by byte: most patterns differ early. */
static bool path_matches(const char *pattern, struct slice path, struct route_match *match)
{
    struct slice ep = SLICE_NONE, id = SLICE_NONE;
    const char *at = path.ptr, *end = path.ptr + path.len;
    while (*pattern != '\0' && *pattern != '*') {
        if (*pattern == ':') {
            struct slice *wanted = pattern[1] == 'e' ? &ep : &id;
            *wanted = take_segment(&at, end);
            if (wanted->len == 0) {
                return false;
            }
            pattern += sizeof(":ep") - 1;
        } else if (at == end || *at++ != *pattern++) {
            return false;
        }
    }
    bool is_rest_right = *pattern == '*' ? at < end : at == end || (end - at == 1 && *at == '/');
    if (is_rest_right) {
        match->ep = ep;
        match->id = id;
    }
    return is_rest_right;
}

enum err route_find(enum http_method method, struct slice path, struct route_match *ret_match)
{
    struct route_match match = {0};
    for (size_t i = 0; i < COUNT_OF(routes) && match.route == NULL; i++) {
        if (!path_matches(routes[i].path, path, &match)) {
            continue;
        }
        match.allowed |= routes[i].methods;
        match.route = (routes[i].methods & (unsigned)method) != 0 ? &routes[i] : NULL;
    }
    *ret_match = match;
    return match.route != NULL  ? ERR_OK
           : match.allowed != 0 ? ERR_METHOD_NOT_ALLOWED
                                : ERR_NOT_FOUND;
}

void route_allow(unsigned methods, struct buf *out)
{
    static const struct {
        unsigned method;
        const char *name;
    } names[] = {{HTTP_GET, "GET"},
                 {HTTP_HEAD, "HEAD"},
                 {HTTP_POST, "POST"},
                 {HTTP_PATCH, "PATCH"},
                 {HTTP_DELETE, "DELETE"}};
    const char *comma = "";
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if ((methods & names[i].method) != 0) {
            (void)buf_printf(out, "%s%s", comma, names[i].name);
            comma = ", ";
        }
    }
}
