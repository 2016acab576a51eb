/* {"name":...,"scopes":{"ENDPOINT":["run",...],...},"expiresAt":...} */
#include "key_body.h"

#include "base/log.h"

static void put_scope(struct buf *out, struct slice scope)
{
    struct slice endpoint = slice_cut(&scope, '=');
    const char *comma = "";
    (void)buf_put_json_str(out, slice_trim(endpoint));
    (void)buf_put_str(out, ":[");
    while (scope.len > 0) {
        (void)buf_put_str(out, comma);
        (void)buf_put_json_str(out, slice_trim(slice_cut(&scope, ',')));
        comma = ",";
    }
    (void)buf_put_char(out, ']');
}

static void put_expiry(struct buf *out, const char *expires)
{
    int64_t ms;
    (void)buf_put_str(out, ",\"expiresAt\":");
    if (slice_to_i64(slice_of(expires), &ms) == ERR_OK) {
        (void)buf_put_i64(out, ms);
    } else {
        (void)buf_put_json_str(out, slice_of(expires));
    }
}

enum err key_body_put(struct buf *out, const char *name, const struct config_strings *scopes,
                      const char *expires, struct buf *problem)
{
    (void)buf_put_str(out, "{\"name\":");
    (void)buf_put_json_str(out, slice_of(name));
    (void)buf_put_str(out, ",\"scopes\":{");
    for (size_t i = 0; i < scopes->count; i++) {
        struct slice scope = slice_of(scopes->items[i]);
        if (memchr(scope.ptr, '=', scope.len) == NULL) {
            (void)buf_printf(problem,
                             "--scope is %s; allowed: ENDPOINT=run,read,cancel,purge,admin, with "
                             "'*' for all endpoints",
                             log_quote(scope));
            return ERR_BAD_REQUEST;
        }
        (void)buf_put_str(out, i > 0 ? "," : "");
        put_scope(out, scope);
    }
    (void)buf_put_char(out, '}');
    if (expires != NULL) {
        put_expiry(out, expires);
    }
    (void)buf_put_char(out, '}');
    return ERR_OK;
}
