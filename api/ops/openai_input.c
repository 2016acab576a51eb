/* One scan over the body for "stream"; the rest of it is the worker's business. */
#include "ops/openai_input.h"

#include "base/json.h"
#include "net/http.h"

struct slice openai_rest(struct slice path, struct slice ep)
{
    size_t len = strlen("/v2/") + ep.len + strlen("/openai");
    return len < path.len ? slice_from(path, len) : SLICE_NONE;
}

static void put_route(struct slice rest, struct slice query, struct buf *members)
{
    AUTO(buf_done) struct buf route = BUF_INIT;
    (void)buf_put_slice(&route, rest);
    if (query.len > 0) {
        (void)buf_put_char(&route, '?');
        (void)buf_put_slice(&route, query);
    }
    (void)buf_put_json_str(members, buf_slice(&route));
}

enum err openai_input_read(struct slice rest, struct slice query, struct slice body,
                           bool *ret_is_stream, struct buf *members, struct buf *problem)
{
    struct json_member stream = {.name = "stream"};
    struct json_problem where = {0};
    if (json_scan(body, &stream, 1, &where) != ERR_OK) {
        (void)buf_printf(problem, "the body must be a JSON object: %s at byte %zu", where.what,
                         where.offset);
        return ERR_BAD_JSON;
    }
    (void)buf_put_str(members, "\"input\":{\"openai_route\":");
    put_route(rest, query, members);
    (void)buf_put_str(members, ",\"openai_input\":");
    (void)buf_put_slice(members, slice_trim(body));
    (void)buf_put_char(members, '}');
    *ret_is_stream = slice_is(stream.value, "true");
    return ERR_OK;
}

static void put_model(const char *name, struct buf *out)
{
    (void)buf_put_str(out, "{\"id\":");
    (void)buf_put_json_str(out, slice_of(name));
    (void)buf_put_str(out, ",\"object\":\"model\",\"created\":0,\"owned_by\":\"millrace\"}");
}

/* Names hold slashes; clients escape them or not. */
static void unescape(struct slice name, struct buf *out)
{
    AUTO(buf_done) struct buf query = BUF_INIT;
    (void)buf_put_str(&query, "name=");
    for (size_t i = 0; i < name.len; i++) {
        (void)buf_put_str(&query, name.ptr[i] == '+' ? "%2B" : name.ptr[i] == '&' ? "%26" : "");
        if (name.ptr[i] != '+' && name.ptr[i] != '&') {
            (void)buf_put_char(&query, name.ptr[i]);
        }
    }
    (void)http_query(buf_slice(&query), "name", out);
}

enum err openai_models_put(struct slice rest, const char *const *models, struct buf *out)
{
    static const struct slice one = SLICE("/v1/models/");
    AUTO(buf_done) struct buf name = BUF_INIT;
    if (slice_is(rest, "/v1/models")) {
        (void)buf_put_str(out, "{\"object\":\"list\",\"data\":[");
        for (size_t i = 0; models[i] != NULL; i++) {
            (void)buf_put_str(out, i > 0 ? "," : "");
            put_model(models[i], out);
        }
        (void)buf_put_str(out, "]}");
        return ERR_OK;
    }
    if (slice_starts(rest, one)) {
        unescape(slice_from(rest, one.len), &name);
    }
    for (; name.len > 0 && *models != NULL; models++) {
        if (slice_is(buf_slice(&name), *models)) {
            put_model(*models, out);
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}
