/* Head, then body. The end of the head is looked for from where the last piece ended, less the
 * three bytes of it that may have come before. */
#include "net/handshake.h"

#include "net/fetch.h"

static const struct slice empty_line = {"\r\n\r\n", 4};

/* "HTTP/1.1 101 Switching Protocols", with or without words; 0: something else. */
static int status_of(struct slice line)
{
    struct slice version = slice_cut(&line, ' ');
    int64_t status = slice_to_i64_or(slice_cut(&line, ' '), 0);
    bool is_final = status == 101 || (status >= 200 && status <= 999);
    return slice_starts(version, SLICE("HTTP/1.")) && is_final ? (int)status : 0;
}

struct slice handshake_header(const struct handshake *handshake, const char *name)
{
    return fetch_header(buf_slice(&handshake->head), name);
}

static enum err read_head(struct handshake *handshake)
{
    struct slice rest = buf_slice(&handshake->head);
    struct slice line = slice_cut(&rest, '\n');
    handshake->status = status_of(slice_cut(&line, '\r'));
    if (handshake->status == 0) {
        return ERR_BAD_REQUEST;
    }
    buf_consume(&handshake->head, handshake->head.len - rest.len);
    handshake->has_head = true;
    handshake->is_chunked =
        slice_eq_nocase(handshake_header(handshake, "transfer-encoding"), SLICE("chunked"));
    struct slice length = handshake_header(handshake, "content-length");
    handshake->length = -1;
    if (!handshake->is_chunked && length.len > 0 &&
        (slice_to_i64(length, &handshake->length) != ERR_OK || handshake->length < 0)) {
        return ERR_BAD_REQUEST;
    }
    return handshake->status != 101 && handshake->length > (int64_t)REFUSAL_MAX ? ERR_TOO_LARGE
                                                                                : ERR_OK;
}

static enum err take_body(struct handshake *handshake, struct slice bytes)
{
    struct buf *body = &handshake->body;
    if (handshake->status != 101 && handshake->is_chunked) {
        struct http_chunk_feed feed = {.body = body, .body_max = REFUSAL_MAX};
        enum err err = http_chunks_feed(&handshake->chunks, bytes, &feed);
        handshake->is_complete = feed.is_complete;
        return err;
    }
    bool is_open = handshake->status == 101 || handshake->length < 0;
    size_t left = is_open ? bytes.len : (size_t)handshake->length - body->len;
    bytes.len = bytes.len < left ? bytes.len : left;
    handshake->is_complete = bytes.len == left;
    return buf_put_slice(body, bytes);
}

/* Appends to the head up to its end; the rest stays in bytes. */
static enum err take_head(struct handshake *handshake, struct slice *bytes)
{
    struct buf *head = &handshake->head;
    size_t before = head->len, from = before > 3 ? before - 3 : 0;
    (void)buf_put_slice(head, *bytes);
    const char *end = head->len > from ? memmem(head->ptr + from, head->len - from, empty_line.ptr,
                                                empty_line.len)
                                       : NULL;
    if (end == NULL) {
        *bytes = SLICE_NONE;
        return head->len <= HTTP_HEAD_MAX ? ERR_OK : ERR_BAD_REQUEST;
    }
    size_t len = (size_t)(end - head->ptr) + empty_line.len;
    *bytes = slice_from(*bytes, len - before);
    head->len = len - 2; /* the last line keeps its end */
    return read_head(handshake);
}

enum err handshake_feed(struct handshake *handshake, struct slice bytes)
{
    ensure(!handshake->is_complete);
    enum err err = handshake->has_head ? ERR_OK : take_head(handshake, &bytes);
    return err == ERR_OK && handshake->has_head ? take_body(handshake, bytes) : err;
}

void handshake_done(struct handshake *handshake)
{
    buf_done(&handshake->head);
    buf_done(&handshake->body);
}
