/* Cuts the target at its first '&' (path) and then at slashes; ids are never decoded because the
 * agent makes worker ids, and job ids hold no character that would be encoded. */
#include "url.h"

#include "net/http.h"

enum err url_parse(struct slice path, struct slice query, struct url *ret_url)
{
    static const struct slice root = SLICE("/v2/");
    if (!slice_starts(path, root)) {
        return ERR_NOT_FOUND;
    }
    struct url url = {.query = query};
    struct slice rest = slice_from(path, root.len);
    const char *glued = rest.len > 0 ? memchr(rest.ptr, '&', rest.len) : NULL;
    if (glued != NULL) {
        size_t at = (size_t)(glued - rest.ptr);
        url.extra = slice_from(rest, at + 1);
        rest.len = at;
    }
    url.ep = slice_cut(&rest, '/');
    url.operation = slice_cut(&rest, '/');
    url.worker = slice_cut(&rest, '/');
    url.job = slice_cut(&rest, '/');
    if (url.ep.len == 0 || url.operation.len == 0 || url.worker.len == 0 || rest.len > 0) {
        return ERR_NOT_FOUND;
    }
    *ret_url = url;
    return ERR_OK;
}

bool url_param(const struct url *url, const char *name, struct buf *out)
{
    return http_query(url->query, name, out) || http_query(url->extra, name, out);
}

int64_t url_param_int(const struct url *url, const char *name, int64_t otherwise)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    if (!url_param(url, name, &text)) {
        return otherwise;
    }
    return slice_to_i64_or(buf_slice(&text), otherwise);
}
