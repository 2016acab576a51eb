/* Heads and chunked bodies from bytes: what is read, what is refused, and that it makes no
 * difference how the bytes are cut. */
#include "test.h"

#include <stdio.h>

#include "net/http_parse.h"

#define HOST "Host: x\r\n"

struct outcome {
    struct http_parse parse;
    enum err err;
    bool is_complete;
    size_t used;
};

static int teardown(void **state)
{
    struct outcome *outcome = *state;
    http_parse_done(&outcome->parse);
    free(outcome);
    return 0;
}

static int setup(void **state)
{
    *state = xcalloc(1, sizeof(struct outcome));
    return 0;
}

/* Feeds text in two pieces. */
static void feed_split(struct outcome *outcome, struct slice text, size_t split)
{
    http_parse_done(&outcome->parse);
    *outcome = (struct outcome){0};
    struct slice pieces[2] = {{text.ptr, split}, slice_from(text, split)};
    for (int i = 0; i < 2 && outcome->err == ERR_OK && !outcome->is_complete; i++) {
        size_t used = 0;
        outcome->err = http_parse_feed(&outcome->parse, pieces[i], &used, &outcome->is_complete);
        outcome->used += outcome->err == ERR_OK ? used : 0;
    }
}

static void feed(struct outcome *outcome, const char *text)
{
    feed_split(outcome, slice_of(text), 0);
}

static void assert_refused(struct outcome *outcome, const char *text, enum err err)
{
    struct slice whole = slice_of(text);
    for (size_t split = 0; split <= whole.len; split++) {
        feed_split(outcome, whole, split);
        if (outcome->err != err) {
            print_message("split %zu of: %s\n", split, text);
        }
        assert_int_equal(outcome->err, err);
        assert_non_null(outcome->parse.detail);
    }
}

static void reads_a_whole_head_and_nothing_beyond(void **state)
{
    struct outcome *outcome = *state;
    const char *text = "POST /v2/ep/run?wait=5&x HTTP/1.1\r\n" HOST
                       "Content-Length:  12 \r\nX-Odd:\r\nExpect: 100-Continue\r\n\r\n{body";
    struct slice whole = slice_of(text);
    for (size_t split = 0; split <= whole.len; split++) {
        feed_split(outcome, whole, split);
        const struct http_head *head = &outcome->parse.head;
        assert_int_equal(outcome->err, ERR_OK);
        assert_true(outcome->is_complete);
        assert_int_equal(outcome->used, whole.len - strlen("{body"));
        assert_int_equal(head->method, HTTP_POST);
        assert_slice(head->method_name, "POST");
        assert_slice(head->path, "/v2/ep/run");
        assert_slice(head->query, "wait=5&x");
        assert_int_equal(head->header_count, 4);
        assert_slice(head->headers[1].name, "Content-Length");
        assert_slice(head->headers[1].value, "12");
        assert_slice(head->headers[2].value, "");
        assert_int_equal(head->content_length, 12);
        assert_true(head->expects_continue && head->is_keep_alive);
        assert_false(head->is_chunked || head->is_v10);
    }
}

static void byte_by_byte_is_the_same(void **state)
{
    struct outcome *outcome = *state;
    const char *text = "GET /a HTTP/1.1\r\n" HOST "A: b\r\n\r\n";
    for (size_t i = 0; text[i] != '\0'; i++) {
        size_t used = 0;
        assert_false(outcome->is_complete);
        outcome->err = http_parse_feed(&outcome->parse, (struct slice){text + i, 1}, &used,
                                       &outcome->is_complete);
        assert_int_equal(outcome->err, ERR_OK);
        assert_int_equal(used, 1);
    }
    assert_true(outcome->is_complete);
    assert_slice(outcome->parse.head.headers[1].value, "b");
}

static void a_reset_parser_reads_the_next_head(void **state)
{
    struct outcome *outcome = *state;
    for (int i = 0; i < 3; i++) {
        size_t used = 0;
        http_parse_reset(&outcome->parse);
        assert_true(http_parse_is_empty(&outcome->parse));
        assert_int_equal(http_parse_feed(&outcome->parse, SLICE("GET /b HTTP/1.1\r\n" HOST "\r\n"),
                                         &used, &outcome->is_complete),
                         ERR_OK);
        assert_true(outcome->is_complete);
        assert_slice(outcome->parse.head.path, "/b");
        assert_int_equal(outcome->parse.head.content_length, -1);
    }
}

static void paths_are_normalised(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"/", "/", ""},
        {"//", "/", ""},
        {"/a/", "/a", ""},
        {"//a///b//?q=/x//", "/a/b", "q=/x//"},
        {"http://host:80/a//b?c", "/a/b", "c"},
        {"HTTP://host", "/", ""},
        {"http://host?c=d", "/", "c=d"},
        {"/a?b?c", "/a", "b?c"},
        {"/a#f", "/a", ""},
        {"/a%2Fb", "/a%2Fb", ""},
        {"/job-take/pod&x=1", "/job-take/pod&x=1", ""},
    };
    struct outcome *outcome = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", cases[i].target);
        feed(outcome, text);
        assert_int_equal(outcome->err, ERR_OK);
        assert_slice(outcome->parse.head.path, cases[i].path);
        assert_slice(outcome->parse.head.query, cases[i].query);
    }
}

static void keep_alive_follows_version_and_connection(void **state)
{
    static const struct {
        const char *version, *header;
        bool is_keep_alive;
    } cases[] = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "connection: Keep-Alive, CLOSE\r\n", false},
        {"1.1", "Connection: upgrade, x\r\nUpgrade: h2c\r\n", true},
        {"1.0", "", false},
        {"1.0", "Connection: keep-alive\r\n", true},
    };
    struct outcome *outcome = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "GET / HTTP/%s\r\n" HOST "%s\r\n", cases[i].version,
                       cases[i].header);
        feed(outcome, text);
        assert_int_equal(outcome->err, ERR_OK);
        assert_int_equal(outcome->parse.head.is_keep_alive, cases[i].is_keep_alive);
    }
}

static void empty_lines_before_a_request_are_skipped(void **state)
{
    struct outcome *outcome = *state;
    feed(outcome, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(outcome->err, ERR_OK);
    assert_true(outcome->is_complete);
}

static void smuggling_and_malformed_heads_are_refused(void **state)
{
    static const char *const heads[] = {
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
        "chunked\r\n\r\n",
        "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 4, 4\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: +4\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: -4\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x4\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 4 4\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST HOST "\r\n",
        "GET / HTTP/1.0\r\n" HOST HOST "\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A b: c\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A\t: c\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\x7f\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\n\r\n",
        "GET / HTTP/1.1\n" HOST "\r\n",
        "GET / HTTP/1.1\r\n" HOST "\n",
        "GET / HTTP/1.1\r\n" HOST "\r\r\n\r\n",
        "GET  / HTTP/1.1\r\n" HOST "\r\n",
        "GET /  HTTP/1.1\r\n" HOST "\r\n",
        "GET /\tHTTP/1.1\r\n" HOST "\r\n",
        "GET /a b HTTP/1.1\r\n" HOST "\r\n",
        "GET HTTP/1.1\r\n" HOST "\r\n",
        "GET a HTTP/1.1\r\n" HOST "\r\n",
        "GET * HTTP/1.1\r\n" HOST "\r\n",
        "GET /\r\n" HOST "\r\n",
        "GET / HTTP/1.1 \r\n" HOST "\r\n",
        "GET / http/1.1\r\n" HOST "\r\n",
        "GET / HTTP/1\r\n" HOST "\r\n",
        "BREW / HTTP/1.1\r\n" HOST "\r\n",
        "get / HTTP/1.1\r\n" HOST "\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        assert_refused(*state, heads[i], ERR_BAD_REQUEST);
    }
}

static void nul_bytes_are_refused(void **state)
{
    struct outcome *outcome = *state;
    feed_split(outcome, SLICE("GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n"), 0);
    assert_int_equal(outcome->err, ERR_BAD_REQUEST);
    feed_split(outcome, SLICE("GET /\0a HTTP/1.1\r\n" HOST "\r\n"), 0);
    assert_int_equal(outcome->err, ERR_BAD_REQUEST);
}

static void another_protocol_is_refused_at_its_first_byte(void **state)
{
    struct outcome *outcome = *state;
    feed(outcome, "\x16\x03\x01");
    assert_int_equal(outcome->err, ERR_BAD_REQUEST);
}

static void other_versions_are_told_apart(void **state)
{
    assert_refused(*state, "GET / HTTP/2.0\r\n" HOST "\r\n", ERR_HTTP_VERSION);
    assert_refused(*state, "GET / HTTP/0.9\r\n" HOST "\r\n", ERR_HTTP_VERSION);
    assert_refused(*state, "GET / HTTP/1.2\r\n" HOST "\r\n", ERR_HTTP_VERSION);
    assert_refused(*state, "PRI * HTTP/2.0\r\n\r\n", ERR_HTTP_VERSION);
    assert_refused(*state, "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", ERR_METHOD_NOT_ALLOWED);
}

static void put_many(struct buf *text, const char *piece, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        (void)buf_put_str(text, piece);
    }
}

static enum err feed_in_pieces(struct outcome *outcome, struct slice text, size_t step)
{
    http_parse_done(&outcome->parse);
    *outcome = (struct outcome){0};
    for (size_t at = 0; at < text.len && outcome->err == ERR_OK; at += step) {
        size_t used = 0;
        struct slice piece = slice_from(text, at);
        piece.len = piece.len < step ? piece.len : step;
        outcome->err = http_parse_feed(&outcome->parse, piece, &used, &outcome->is_complete);
    }
    return outcome->err;
}

static void limits_hold_however_the_bytes_come(void **state)
{
    static const size_t steps[] = {1, 7, 1000, 100000};
    struct buf target = BUF_INIT;
    struct buf headers = BUF_INIT;
    struct buf count = BUF_INIT;
    (void)buf_put_str(&target, "GET /");
    put_many(&target, "aaaaaaaaaa", HTTP_LINE_MAX / 10 + 8);
    (void)buf_put_str(&headers, "GET / HTTP/1.1\r\n" HOST);
    put_many(&headers, "A: 0123456789012345678901234567890123456789\r\n", 10);
    (void)buf_put_str(&headers, "B: ");
    put_many(&headers, "0123456789", HTTP_HEAD_MAX / 10);
    (void)buf_put_str(&count, "GET / HTTP/1.1\r\n" HOST);
    put_many(&count, "A: b\r\n", HTTP_HEADERS_MAX);
    enum err errs[COUNT_OF(steps)][3];
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        errs[i][0] = feed_in_pieces(*state, buf_slice(&target), steps[i]);
        errs[i][1] = feed_in_pieces(*state, buf_slice(&headers), steps[i]);
        errs[i][2] = feed_in_pieces(*state, buf_slice(&count), steps[i]);
    }
    buf_done(&target);
    buf_done(&headers);
    buf_done(&count);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        assert_int_equal(errs[i][0], ERR_URI_TOO_LONG);
        assert_int_equal(errs[i][1], ERR_HEADERS_TOO_LARGE);
        assert_int_equal(errs[i][2], ERR_HEADERS_TOO_LARGE);
    }
}

static void the_largest_allowed_head_is_read(void **state)
{
    struct buf text = BUF_INIT;
    (void)buf_put_str(&text, "GET /");
    put_many(&text, "a", HTTP_LINE_MAX - 1);
    (void)buf_put_str(&text, " HTTP/1.1\r\n" HOST);
    put_many(&text, "A: b\r\n", HTTP_HEADERS_MAX - 1);
    (void)buf_put_str(&text, "\r\n");
    enum err err = feed_in_pieces(*state, buf_slice(&text), text.len);
    buf_done(&text);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(((struct outcome *)*state)->parse.head.header_count, HTTP_HEADERS_MAX);
}

/* --- chunks --- */

static enum err decode(struct slice text, size_t split, struct buf *body, bool *ret_is_complete)
{
    struct http_chunks chunks = {0};
    struct http_chunk_feed feed = {.body = body, .body_max = 100};
    enum err err = http_chunks_feed(&chunks, (struct slice){text.ptr, split}, &feed);
    if (err == ERR_OK && !feed.is_complete) {
        err = http_chunks_feed(&chunks, slice_from(text, split), &feed);
    }
    *ret_is_complete = feed.is_complete;
    return err;
}

static void chunks_become_the_body_at_every_split(void **state)
{
    (void)state;
    struct slice text = SLICE("5\r\nhello\r\n00000A;x=\"y\"\r\n0123456789\r\n"
                              "0;last\r\nTrailer: v\r\nOther: w\r\n\r\n");
    for (size_t split = 0; split <= text.len; split++) {
        struct buf body = BUF_INIT;
        bool is_complete = false;
        assert_int_equal(decode(text, split, &body, &is_complete), ERR_OK);
        assert_true(is_complete);
        assert_slice(buf_slice(&body), "hello0123456789");
        buf_done(&body);
    }
}

static void bytes_after_the_last_chunk_are_left(void **state)
{
    (void)state;
    struct http_chunks chunks = {0};
    struct buf body = BUF_INIT;
    struct http_chunk_feed feed = {.body = &body, .body_max = 10};
    assert_int_equal(http_chunks_feed(&chunks, SLICE("1\r\na\r\n0\r\n\r\nGET"), &feed), ERR_OK);
    assert_true(feed.is_complete);
    assert_int_equal(feed.used, 11);
    buf_done(&body);
}

static void malformed_chunks_are_refused(void **state)
{
    static const char *const bodies[] = {
        "\r\n",
        "x\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\nhello\r\n",
        "5\rhello\r\n",
        "5\r\nhelloX\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "-1\r\n",
        "0x5\r\nhello",
        "0\r\n\n",
        "0\r\n\rX",
        "0\r\n a: b\r\n",
        "0\r\na: b\n\r\n",
        "0\r\na\x01: b\r\n",
        "5;a\x01\r\nhello",
        "1234567890123456\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct slice text = slice_of(bodies[i]);
        for (size_t split = 0; split <= text.len; split++) {
            struct buf body = BUF_INIT;
            bool is_complete = false;
            enum err err = decode(text, split, &body, &is_complete);
            buf_done(&body);
            assert_int_equal(err, ERR_BAD_REQUEST);
        }
    }
}

static void a_chunked_body_past_its_maximum_is_refused(void **state)
{
    (void)state;
    struct buf body = BUF_INIT;
    bool is_complete = false;
    assert_int_equal(decode(SLICE("65\r\na"), 0, &body, &is_complete), ERR_TOO_LARGE);
    assert_int_equal(decode(SLICE("fffffffffffffff\r\na"), 0, &body, &is_complete), ERR_TOO_LARGE);
    buf_done(&body);
}

static void endless_framing_is_refused(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    struct buf body = BUF_INIT;
    bool is_complete = false;
    (void)buf_put_str(&text, "5;");
    put_many(&text, "x", 1000);
    enum err extension = decode(buf_slice(&text), 0, &body, &is_complete);
    buf_clear(&text);
    (void)buf_put_str(&text, "0\r\n");
    put_many(&text, "a: bbbbbbbb\r\n", 2000);
    enum err trailers = decode(buf_slice(&text), 0, &body, &is_complete);
    buf_done(&text);
    buf_done(&body);
    assert_int_equal(extension, ERR_BAD_REQUEST);
    assert_int_equal(trailers, ERR_BAD_REQUEST);
}

/* --- queries, headers --- */

static void query_values_are_decoded(void **state)
{
    static const struct {
        const char *query, *name, *value;
    } cases[] = {
        {"wait=5", "wait", "5"},
        {"a=1&wait=%41%2c+b", "wait", "A, b"},
        {"wait", "wait", ""},
        {"wait=", "wait", ""},
        {"x=1&&wait=2&wait=3", "wait", "2"},
        {"waits=1", "wait", NULL},
        {"", "wait", NULL},
        {"wait=%4", "wait", "%4"},
        {"wait=%zz%", "wait", "%zz%"},
        {"wait=a=b", "wait", "a=b"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out = BUF_INIT;
        bool is_found = http_query(slice_of(cases[i].query), cases[i].name, &out);
        assert_int_equal(is_found, cases[i].value != NULL);
        if (is_found) {
            assert_slice(buf_slice(&out), cases[i].value);
        }
        buf_done(&out);
    }
}

static void headers_are_found_in_any_case(void **state)
{
    (void)state;
    struct http_header headers[] = {{SLICE("X-A"), SLICE("1")}, {SLICE("x-a"), SLICE("2")}};
    struct http_request request = {.headers = headers, .header_count = 2};
    assert_slice(http_header(&request, "x-A"), "1");
    assert_null(http_header(&request, "x-b").ptr);
}

static void every_error_has_a_reason(void **state)
{
    (void)state;
    for (int err = 0; err < ERR_COUNT; err++) {
        assert_string_not_equal(http_reason(err_http_status((enum err)err)), "Unknown");
    }
}

#define WITH_PARSER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PARSER(reads_a_whole_head_and_nothing_beyond),
        WITH_PARSER(byte_by_byte_is_the_same),
        WITH_PARSER(a_reset_parser_reads_the_next_head),
        WITH_PARSER(paths_are_normalised),
        WITH_PARSER(keep_alive_follows_version_and_connection),
        WITH_PARSER(empty_lines_before_a_request_are_skipped),
        WITH_PARSER(smuggling_and_malformed_heads_are_refused),
        WITH_PARSER(nul_bytes_are_refused),
        WITH_PARSER(another_protocol_is_refused_at_its_first_byte),
        WITH_PARSER(other_versions_are_told_apart),
        WITH_PARSER(limits_hold_however_the_bytes_come),
        WITH_PARSER(the_largest_allowed_head_is_read),
        cmocka_unit_test(chunks_become_the_body_at_every_split),
        cmocka_unit_test(bytes_after_the_last_chunk_are_left),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(a_chunked_body_past_its_maximum_is_refused),
        cmocka_unit_test(endless_framing_is_refused),
        cmocka_unit_test(query_values_are_decoded),
        cmocka_unit_test(headers_are_found_in_any_case),
        cmocka_unit_test(every_error_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
