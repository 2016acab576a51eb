/* The format of the HTML standard, 9.2: fields by lines, an empty line ends the event. A carriage
 * return would end a line too, so it is taken for the newline it stands for; in JSON both can only
 * be blanks between tokens. */
#include "sse.h"

enum err sse_read_place(struct slice id, struct sse_place *ret_place)
{
    int64_t number = 0;
    if (slice_to_i64(id, &number) != ERR_OK || number < 0) {
        return ERR_BAD_REQUEST;
    }
    struct sse_place place = {
        .extra = number % SSE_EXTRA_MAX,
        .next = number / SSE_EXTRA_MAX % SSE_CHUNKS_MAX,
        .attempt = number / SSE_EXTRA_MAX / SSE_CHUNKS_MAX,
    };
    if (place.attempt > SSE_ATTEMPTS_MAX) {
        return ERR_BAD_REQUEST;
    }
    *ret_place = place;
    return ERR_OK;
}

static void put_id(struct buf *out, const struct sse_place *id)
{
    if (id->extra < SSE_EXTRA_MAX && id->next < SSE_CHUNKS_MAX && id->attempt <= SSE_ATTEMPTS_MAX) {
        (void)buf_put_str(out, "\nid: ");
        (void)buf_put_i64(out,
                          (id->attempt * SSE_CHUNKS_MAX + id->next) * SSE_EXTRA_MAX + id->extra);
    }
}

/* The part before the first line end; *rest becomes what follows it. */
static struct slice cut_line(struct slice *rest, bool *ret_has_more)
{
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] != '\n' && rest->ptr[len] != '\r') {
        len++;
    }
    struct slice line = {rest->ptr, len};
    *ret_has_more = len < rest->len;
    bool is_pair = len + 1 < rest->len && rest->ptr[len] == '\r' && rest->ptr[len + 1] == '\n';
    *rest = slice_from(*rest, len + (*ret_has_more ? 1 : 0) + (is_pair ? 1 : 0));
    return line;
}

void sse_put_event(struct buf *out, const char *name, const struct sse_place *id, struct slice data)
{
    (void)buf_put_str(out, "event: ");
    (void)buf_put_str(out, name);
    put_id(out, id);
    for (bool has_more = true; has_more;) {
        (void)buf_put_str(out, "\ndata: ");
        (void)buf_put_slice(out, cut_line(&data, &has_more));
    }
    (void)buf_put_str(out, "\n\n");
}
