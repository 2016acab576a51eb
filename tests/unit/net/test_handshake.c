/* The answer to a request for a WebSocket, in pieces of any size. */
#include "net/handshake.h"

#include "test.h"

#define DRIBBLE ((size_t)200000)

/* In pieces of `size` bytes, until it is complete or wrong; ret_used: how many it took. */
static enum err feed(struct handshake *handshake, struct slice bytes, size_t size, size_t *ret_used)
{
    enum err err = ERR_OK;
    *handshake = (struct handshake){0};
    *ret_used = 0;
    while (err == ERR_OK && *ret_used < bytes.len && !handshake->is_complete) {
        struct slice piece = slice_from(bytes, *ret_used);
        piece.len = piece.len < size ? piece.len : size;
        err = handshake_feed(handshake, piece);
        *ret_used += piece.len;
    }
    return err;
}

static void pieces_of_any_size_give_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
        const char *body, *type;
    } cases[] = {
        {"HTTP/1.1 403 No\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello", 403, "hello",
         "a/b"},
        {"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n"
         "T: v\r\n\r\n",
         503, "hello", ""},
        {"HTTP/1.0 204 Nothing\r\nContent-Length: 0\r\n\r\n", 204, "", ""},
        {"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", 404, "", ""},
        {"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nContent-Type: c\r\n\r\n", 101, "", "c"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice bytes = slice_of(cases[i].bytes);
        for (size_t size = 1; size <= bytes.len; size++) {
            struct handshake handshake;
            size_t used;
            assert_int_equal(feed(&handshake, bytes, size, &used), ERR_OK);
            assert_true(handshake.is_complete);
            assert_int_equal(used, bytes.len);
            assert_int_equal(handshake.status, cases[i].status);
            assert_slice(buf_slice(&handshake.body), cases[i].body);
            assert_slice(handshake_header(&handshake, "content-type"), cases[i].type);
            handshake_done(&handshake);
        }
    }
}

static void what_comes_behind_a_101_is_kept_as_it_is(void **state)
{
    (void)state;
    struct handshake handshake;
    size_t used;
    struct slice bytes = SLICE("HTTP/1.1 101 Go\r\nContent-Length: 1\r\n\r\n\x81\x02hi");
    assert_int_equal(feed(&handshake, bytes, bytes.len, &used), ERR_OK);
    assert_true(handshake.is_complete);
    assert_slice(buf_slice(&handshake.body), "\x81\x02hi");
    handshake_done(&handshake);
}

/* Were it read from the start for each piece, this would not end within the test's time limit. */
static void a_dribbled_refusal_is_read_once(void **state)
{
    (void)state;
    struct handshake handshake;
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    size_t used;
    buf_put_str(&bytes, "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < DRIBBLE; i++) {
        buf_put_str(&bytes, "1\r\nx\r\n");
    }
    buf_put_str(&bytes, "0\r\n\r\n");
    assert_int_equal(feed(&handshake, buf_slice(&bytes), 1, &used), ERR_OK);
    assert_true(handshake.is_complete);
    assert_int_equal(handshake.body.len, DRIBBLE);
    handshake_done(&handshake);
}

static void what_is_too_large_is_told_before_it_has_come(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 403 No\r\nContent-Length: 1048577\r\n\r\n",
        "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct handshake handshake;
        size_t used;
        assert_int_equal(feed(&handshake, slice_of(answers[i]), 7, &used), ERR_TOO_LARGE);
        handshake_done(&handshake);
    }
}

static void what_is_no_http_is_told(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "SSH-2.0-x\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 403 No\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 403 No\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct handshake handshake;
        size_t used;
        assert_int_equal(feed(&handshake, slice_of(answers[i]), 5, &used), ERR_BAD_REQUEST);
        handshake_done(&handshake);
    }
    AUTO(buf_done) struct buf endless = BUF_INIT;
    buf_put_str(&endless, "HTTP/1.1 403 No\r\nX: ");
    for (size_t i = 0; i < HTTP_HEAD_MAX; i++) {
        buf_put_char(&endless, 'x');
    }
    struct handshake handshake;
    size_t used;
    assert_int_equal(feed(&handshake, buf_slice(&endless), 4096, &used), ERR_BAD_REQUEST);
    handshake_done(&handshake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_give_the_same),
        cmocka_unit_test(what_comes_behind_a_101_is_kept_as_it_is),
        cmocka_unit_test(a_dribbled_refusal_is_read_once),
        cmocka_unit_test(what_is_too_large_is_told_before_it_has_come),
        cmocka_unit_test(what_is_no_http_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
