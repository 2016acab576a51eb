/* Heads and bodies of requests from arbitrary bytes.
 *
 * The first byte says how the rest is cut into pieces. Whole and cut bytes must give the same
 * requests, or the same refusal; an accepted head must keep its promises. */
#include <stdint.h>

#include "net/http_parse.h"

#define BODY_MAX 4096
#define REQUESTS_MAX 16

struct request {
    enum err err;
    bool is_complete;
    size_t header_count;
    size_t path_len, query_len, body_len;
    enum http_method method;
};

struct run {
    struct request requests[REQUESTS_MAX];
    size_t count;
};

struct reader {
    struct http_parse parse;
    struct http_chunks chunks;
    struct buf body;
    bool is_in_body;
    struct run *run;
};

static struct request *current(struct reader *reader)
{
    return &reader->run->requests[reader->run->count];
}

static void check_head(const struct http_head *head)
{
    ensure(head->header_count <= HTTP_HEADERS_MAX);
    ensure(head->path.len > 0 && head->path.len <= HTTP_LINE_MAX);
    ensure(head->path.ptr[0] == '/' || slice_is(head->path, "*"));
    ensure(memmem(head->path.ptr, head->path.len, "//", 2) == NULL);
    ensure(!head->is_chunked || head->content_length < 0);
    for (size_t i = 0; i < head->header_count; i++) {
        ensure(head->headers[i].name.len > 0);
        ensure(memchr(head->headers[i].name.ptr, ' ', head->headers[i].name.len) == NULL);
        ensure(head->headers[i].value.len == 0 ||
               memchr(head->headers[i].value.ptr, '\r', head->headers[i].value.len) == NULL);
    }
}

static void end_request(struct reader *reader)
{
    current(reader)->body_len = reader->body.len;
    current(reader)->is_complete = true;
    reader->run->count++;
    reader->is_in_body = false;
    reader->chunks = (struct http_chunks){0};
    buf_clear(&reader->body);
    http_parse_reset(&reader->parse);
}

static size_t read_head(struct reader *reader, struct slice bytes)
{
    size_t used = 0;
    bool is_complete = false;
    struct request *request = current(reader);
    request->err = http_parse_feed(&reader->parse, bytes, &used, &is_complete);
    ensure(used <= bytes.len);
    if (request->err == ERR_OK && is_complete) {
        const struct http_head *head = &reader->parse.head;
        check_head(head);
        request->method = head->method;
        request->header_count = head->header_count;
        request->path_len = head->path.len;
        request->query_len = head->query.len;
        reader->is_in_body = true;
    }
    return used;
}

static size_t read_body(struct reader *reader, struct slice bytes)
{
    const struct http_head *head = &reader->parse.head;
    struct http_chunk_feed feed = {.body = &reader->body, .body_max = BODY_MAX};
    if (head->is_chunked) {
        current(reader)->err = http_chunks_feed(&reader->chunks, bytes, &feed);
    } else {
        size_t left = head->content_length > 0 ? (size_t)head->content_length : 0;
        left = left < BODY_MAX ? left - reader->body.len : 0;
        feed.used = bytes.len < left ? bytes.len : left;
        (void)buf_put(&reader->body, bytes.ptr, feed.used);
        feed.is_complete = feed.used == left;
    }
    ensure(feed.used <= bytes.len && reader->body.len <= BODY_MAX);
    if (feed.is_complete) {
        end_request(reader);
    }
    return feed.used;
}

static bool can_go_on(const struct reader *reader)
{
    return reader->run->count < REQUESTS_MAX &&
           reader->run->requests[reader->run->count].err == ERR_OK;
}

/* A body of length 0 is complete without a byte. */
static void read_piece(struct reader *reader, struct slice bytes)
{
    while (can_go_on(reader) && (bytes.len > 0 || reader->is_in_body)) {
        size_t used = reader->is_in_body ? read_body(reader, bytes) : read_head(reader, bytes);
        bytes = slice_from(bytes, used);
        if (bytes.len == 0 && (!reader->is_in_body || reader->parse.head.is_chunked ||
                               reader->parse.head.content_length > 0)) {
            break;
        }
    }
}

static void read_all(struct slice bytes, size_t step, struct run *run)
{
    struct reader reader = {.run = run};
    while (bytes.len > 0 && can_go_on(&reader)) {
        struct slice piece = {bytes.ptr, bytes.len < step ? bytes.len : step};
        read_piece(&reader, piece);
        bytes = slice_from(bytes, piece.len);
    }
    buf_done(&reader.body);
    http_parse_done(&reader.parse);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct slice bytes = {(const char *)data + 1, size - 1};
    struct run whole = {0};
    struct run cut = {0};
    read_all(bytes, bytes.len, &whole);
    read_all(bytes, (size_t)data[0] % 64 + 1, &cut);
    ensure(whole.count == cut.count);
    for (size_t i = 0; i <= whole.count && i < REQUESTS_MAX; i++) {
        const struct request *a = &whole.requests[i];
        const struct request *b = &cut.requests[i];
        ensure(a->err == b->err && a->is_complete == b->is_complete && a->method == b->method);
        ensure(a->path_len == b->path_len && a->query_len == b->query_len);
        ensure(a->header_count == b->header_count && a->body_len == b->body_len);
    }
    return 0;
}
