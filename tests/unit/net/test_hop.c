/* Which header lines of an answer are passed on. */
#include "net/hop.h"

#include "test.h"

static void assert_passed(const char *head, const char *passed)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    hop_put_reply_headers(&out, slice_of(head));
    assert_slice(buf_slice(&out), passed);
}

static void what_belongs_to_one_connection_stays_behind(void **state)
{
    (void)state;
    assert_passed("A: b\r\nCONNECTION: close\r\nContent-Length: 5\r\nContent-Type: a/b\r\nX-Y:\r\n",
                  "A: b\r\nX-Y:\r\n");
    assert_passed("Set-Cookie: a=\"b\"; \xc3\xa9\r\nSet-Cookie: c:\td\r\n",
                  "Set-Cookie: a=\"b\"; \xc3\xa9\r\nSet-Cookie: c:\td\r\n");
    assert_passed("", "");
}

/* Each is something else for whoever reads it another way. */
static void what_is_no_plain_line_stays_behind(void **state)
{
    (void)state;
    assert_passed("Content-Length : 5\r\nA: b\r\n", "A: b\r\n");
    assert_passed("Trailer: x\r\n Content-Length: 5\r\nA: b\r\n", "A: b\r\n");
    assert_passed("X: a\rContent-Length: 5\r\nA: b\r\n", "A: b\r\n");
    assert_passed("words\r\n: x\r\n\r\nA: b\r\n", "A: b\r\n");
    assert_passed("X: a\x01\r\nA: b\r\n", "A: b\r\n");
    assert_passed("A: b\nC: d\n", "A: b\r\nC: d\r\n");
}

static void a_type_that_is_none_is_replaced(void **state)
{
    (void)state;
    assert_slice(hop_reply_type(SLICE("A: b\r\ncontent-TYPE:  a/b \r\n"), "c/d"), "a/b");
    assert_slice(hop_reply_type(SLICE("A: b\r\n"), "c/d"), "c/d");
    assert_slice(hop_reply_type(SLICE("Content-Type: a\rX: y\r\n"), "c/d"), "c/d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_belongs_to_one_connection_stays_behind),
        cmocka_unit_test(what_is_no_plain_line_stays_behind),
        cmocka_unit_test(a_type_that_is_none_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
