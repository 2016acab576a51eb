/* Bodies that are JSON keep their bytes. */
#include "server_reply.h"

#include "base/base64.h"
#include "base/json.h"
#include "net/fetch.h"
#include "net/http.h"

#define ERROR_BODY_MAX ((size_t)64 * 1024)

static bool starts_nocase(struct slice text, struct slice prefix)
{
    return text.len >= prefix.len && slice_eq_nocase((struct slice){text.ptr, prefix.len}, prefix);
}

bool server_reply_is_stream(struct slice head)
{
    struct slice type = fetch_header(head, "content-type");
    bool is_document = starts_nocase(type, SLICE("application/json")) ||
                       starts_nocase(type, SLICE("application/problem+json"));
    return starts_nocase(type, SLICE("text/event-stream")) ||
           starts_nocase(type, SLICE("application/x-ndjson")) ||
           (!is_document && fetch_header(head, "transfer-encoding").len > 0);
}

/* Length of the sequence that a byte begins; 1 for what begins none. */
static size_t sequence_len(unsigned char first)
{
    return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
}

size_t server_reply_whole(struct slice text)
{
    for (size_t back = 1; back <= 3 && back <= text.len; back++) {
        unsigned char byte = (unsigned char)text.ptr[text.len - back];
        if ((byte & 0xC0) != 0x80) {
            return sequence_len(byte) > back ? text.len - back : text.len;
        }
    }
    return text.len;
}

void server_reply_put_text(struct buf *out, struct slice text)
{
    AUTO(buf_done) struct buf string = BUF_INIT;
    (void)buf_put_json_str(&string, text);
    if (json_mend(buf_slice(&string), out) != ERR_OK) {
        (void)buf_put_str(out, "\"\"");
    }
}

static bool is_json(struct slice body)
{
    return body.len > 0 && json_check(body, NULL, NULL) == ERR_OK;
}

void server_reply_put_body(struct buf *members, struct slice body)
{
    (void)buf_put_str(members, "\"output\":");
    if (is_json(body)) {
        (void)buf_put_slice(members, slice_trim(body));
    } else {
        server_reply_put_text(members, body);
    }
}

static bool is_utf8(struct slice text)
{
    AUTO(buf_done) struct buf string = BUF_INIT;
    return buf_put_json_str(&string, text) == ERR_OK &&
           json_check(buf_slice(&string), NULL, NULL) == ERR_OK;
}

/* A header that comes twice is listed once, its values joined. */
static bool is_repeated(struct slice head, struct slice name)
{
    while (head.len > 0) {
        struct slice rest = slice_cut(&head, '\n');
        if (slice_eq_nocase(slice_cut(&rest, ':'), name)) {
            return true;
        }
    }
    return false;
}

static void put_values(struct buf *out, struct slice head, struct slice name)
{
    AUTO(buf_done) struct buf values = BUF_INIT;
    while (head.len > 0) {
        struct slice value = slice_cut(&head, '\n');
        if (slice_eq_nocase(slice_cut(&value, ':'), name)) {
            value.len -= value.len > 0 && value.ptr[value.len - 1] == '\r';
            (void)buf_put_str(&values, values.len > 0 ? ", " : "");
            (void)buf_put_slice(&values, slice_trim(value));
        }
    }
    server_reply_put_text(out, buf_slice(&values));
}

static void put_headers(struct buf *out, struct slice head)
{
    const char *comma = "";
    for (struct slice rest = head; rest.len > 0;) {
        struct slice before = {head.ptr, (size_t)(rest.ptr - head.ptr)};
        struct slice line = slice_cut(&rest, '\n');
        struct slice name = slice_cut(&line, ':');
        if (name.len > 0 && !is_repeated(before, name)) {
            (void)buf_put_str(out, comma);
            server_reply_put_text(out, name);
            (void)buf_put_char(out, ':');
            put_values(out, head, name);
            comma = ",";
        }
    }
}

void server_reply_put_whole(struct buf *members, int status, struct slice head, struct slice body)
{
    (void)buf_printf(members, "\"output\":{\"status\":%d,\"headers\":{", status);
    put_headers(members, head);
    (void)buf_put_str(members, "}");
    if (is_json(body)) {
        (void)buf_put_str(members, ",\"body\":");
        (void)buf_put_slice(members, slice_trim(body));
    } else if (is_utf8(body)) {
        (void)buf_put_str(members, ",\"text\":");
        server_reply_put_text(members, body);
    } else {
        (void)buf_put_str(members, ",\"base64\":\"");
        (void)base64_put(members, body.ptr, body.len);
        (void)buf_put_char(members, '"');
    }
    (void)buf_put_char(members, '}');
}

void server_reply_put_error(struct buf *text, int status, struct slice body)
{
    body.len = body.len < ERROR_BODY_MAX ? body.len : ERROR_BODY_MAX;
    (void)buf_printf(text, "the server answered HTTP %d %s", status, http_reason(status));
    if (body.len > 0) {
        (void)buf_put_str(text, ": ");
        (void)buf_put_slice(text, slice_trim(body));
    }
}
