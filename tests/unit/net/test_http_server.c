/* What the HTTP server answers to whole, odd and faulty requests, on real loopback sockets. */
#include "http_client.h"

#include <poll.h>

/* --- whole requests --- */

static void a_connection_is_kept_for_many_requests(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    for (int i = 0; i < 10000; i++) {
        say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
        expect_answer(rig, fd, 200, "hello");
    }
    assert_int_equal(atomic_load(&rig->requests), 10000);
    wait_for(&rig->connections, 1);
}

static void requests_in_one_packet_are_answered_in_order(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/a") "POST /b HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nbbb" GET("/c"));
    expect_answer(rig, fd, 200, "/a");
    expect_answer(rig, fd, 200, "bbb");
    expect_answer(rig, fd, 200, "/c");
}

static void pipelined_requests_wait_for_a_parked_one(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/park") GET("/later") GET("/stream") GET("/c"));
    wait_for(&rig->parked_count, 1);
    assert_int_equal(atomic_load(&rig->requests), 1);
    ask(rig, ASK_RELEASE);
    expect_answer(rig, fd, 200, "released");
    expect_answer(rig, fd, 200, "");
    size_t end = hear_text(rig, fd, "\r\n0\r\n\r\n");
    buf_consume(&rig->in, end);
    expect_answer(rig, fd, 200, "/c");
}

static void what_is_sent_ahead_of_a_parked_request_is_bounded(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/park"));
    wait_for(&rig->parked_count, 1);
    size_t sent = 0; /* the server stops reading, so the kernel's buffers fill */
    for (;;) {
        ssize_t count = send(fd, rig->big, 65536, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count <= 0) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (poll(&wait, 1, 200) == 0) {
                break;
            }
            continue;
        }
        sent += (size_t)count;
        assert_true(sent < (size_t)64 << 20);
    }
    assert_true(sent > 0);
    hang_up(rig, fd);
    ask(rig, ASK_RELEASE);
    wait_for(&rig->connections, 0);
}

static void a_chunked_body_with_trailers_is_read(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"
            "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nA: b\r\n\r\n" GET("/next"));
    expect_answer(rig, fd, 200, "hello world");
    expect_answer(rig, fd, 200, "/next");
}

static void a_large_body_comes_whole(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    char head[128];
    (void)snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                   BIG / 2);
    for (int i = 0; i < 2; i++) {
        say(fd, head);
        assert_true(send_bytes(fd, rig->big, BIG / 2));
        size_t body_at = hear_text(rig, fd, "\r\n\r\n");
        while (rig->in.len < body_at + BIG / 2) {
            assert_true(hear(rig, fd));
        }
        assert_memory_equal(rig->in.ptr + body_at, rig->big, BIG / 2);
        buf_clear(&rig->in);
    }
}

static void owners_may_decide_and_answer_later(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    for (int i = 0; i < 10; i++) {
        say(fd, "POST /later HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
        expect_answer(rig, fd, 200, "hi");
    }
}

static void continue_is_sent_once_the_body_is_wanted(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "POST /later HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    size_t end = hear_text(rig, fd, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(end, rig->in.len);
    buf_clear(&rig->in);
    say(fd, "hi");
    expect_answer(rig, fd, 200, "hi");
}

static void continue_is_not_sent_when_the_body_has_begun(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "POST /later HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
    expect_answer(rig, fd, 200, "hi");
}

static void a_refused_expectation_gets_its_answer_only(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "POST /refuse HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect_answer(rig, fd, 401, "who are you");
    hear_end(rig, fd);
    assert_int_equal(rig->in.len, 0);
}

static void head_has_the_length_and_no_body(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "HEAD /four HTTP/1.1\r\n" HOST "\r\n" GET("/x"));
    size_t end = hear_text(rig, fd, "Content-Length: 5\r\n\r\n");
    buf_consume(&rig->in, end);
    expect_answer(rig, fd, 200, "/x");
    say(fd, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
    end = hear_text(rig, fd, "\r\n\r\n");
    assert_true(has_text(rig, "Transfer-Encoding: chunked\r\n"));
    buf_consume(&rig->in, end);
    say(fd, GET("/y"));
    expect_answer(rig, fd, 200, "/y");
}

static void no_content_has_neither_length_nor_type(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/none") GET("/x"));
    size_t end = hear_text(rig, fd, "\r\n\r\n");
    struct slice head = {rig->in.ptr, end};
    assert_null(memmem(head.ptr, head.len, "Content-", 8));
    buf_consume(&rig->in, end);
    expect_answer(rig, fd, 200, "/x");
}

static void http_1_0_is_answered_and_closed(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "GET /old HTTP/1.0\r\n\r\n");
    (void)hear_text(rig, fd, "Connection: close\r\n");
    expect_answer(rig, fd, 200, "/old");
    hear_end(rig, fd);
    fd = dial(rig);
    say(fd, "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    (void)hear_text(rig, fd, "Connection: keep-alive\r\n");
    expect_answer(rig, fd, 200, "/old");
    say(fd, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    hear_end(rig, fd);
    assert_true(has_text(rig, "\r\n\r\nonetwenty-two bytes long."));
    assert_false(has_text(rig, "chunked"));
}

static void connection_close_is_honoured(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET("/b"));
    (void)hear_text(rig, fd, "Connection: close\r\n");
    expect_answer(rig, fd, 200, "/a");
    hear_end(rig, fd);
    assert_int_equal(rig->in.len, 0);
}

static void what_is_sent_behind_an_answer_that_closes_is_not_read(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "POST /refuse-and-close HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab" GET("/b"));
    expect_answer(rig, fd, 503, "");
    hear_end(rig, fd);
    assert_int_equal(rig->in.len, 0);
}

/* --- refusals --- */

static void expect_refusal(struct rig *rig, const char *text, int status, const char *name)
{
    int fd = dial(rig);
    say(fd, text);
    expect_answer(rig, fd, status, NULL);
    hear_end(rig, fd);
    assert_int_equal(rig->in.len, 0);
    (void)name;
    hang_up(rig, fd);
}

static void faulty_heads_are_refused_and_closed(void **state)
{
    struct rig *rig = *state;
    char text[40000];
    expect_refusal(rig,
                   "POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/smuggled"),
                   400, "BAD_REQUEST");
    expect_refusal(rig, "GET / HTTP/1.1\r\n\r\n" GET("/smuggled"), 400, "BAD_REQUEST");
    expect_refusal(rig, "GET / HTTP/2.0\r\n" HOST "\r\n", 505, "HTTP_VERSION");
    (void)snprintf(text, sizeof(text), "GET /%09000d HTTP/1.1\r\n" HOST "\r\n", 1);
    expect_refusal(rig, text, 414, "URI_TOO_LONG");
    (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "A: %020000d\r\n\r\n", 1);
    expect_refusal(rig, text, 431, "HEADERS_TOO_LARGE");
    assert_int_equal(atomic_load(&rig->requests), 0);
}

static void too_long_bodies_are_refused(void **state)
{
    struct rig *rig = *state;
    expect_refusal(rig, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", 413, "");
    expect_refusal(rig,
                   "POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                   "6\r\n123456\r\n5\r\n",
                   413, "");
    assert_int_equal(atomic_load(&rig->requests), 0);
    assert_int_equal(atomic_load(&rig->gone), 2);
    int fd = dial(rig);
    say(fd, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n0123456789");
    expect_answer(rig, fd, 200, "0123456789");
}

static void bad_chunks_are_refused_and_the_owner_told(void **state)
{
    struct rig *rig = *state;
    expect_refusal(
        rig, "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n", 400, "");
    assert_int_equal(atomic_load(&rig->gone), 1);
}

static void an_early_answer_survives_the_upload(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    char head[128];
    (void)snprintf(head, sizeof(head),
                   "POST /refuse HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", BIG);
    say(fd, head);
    assert_true(send_bytes(fd, rig->big, BIG)); /* a client that sends all before it reads */
    expect_answer(rig, fd, 401, "who are you");
    hear_end(rig, fd);
    assert_int_equal(rig->in.len, 0);
}

static void an_early_answer_to_a_body_that_is_here_keeps_the_connection(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd,
        "POST /refuse HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc" GET("/refuse") GET("/c"));
    expect_answer(rig, fd, 401, "who are you");
    expect_answer(rig, fd, 401, "who are you");
    expect_answer(rig, fd, 200, "/c");
}

/* The decision may take a while, as a look into Redis does; the body is here long before. */
static void a_late_early_answer_keeps_the_connection_too(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    for (int round = 0; round < 3; round++) {
        say(fd, "POST /refuse-later HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
        expect_answer(rig, fd, 403, "not you");
        say(fd, GET("/c"));
        expect_answer(rig, fd, 200, "/c");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(setup, a_connection_is_kept_for_many_requests),
        WITH(setup, requests_in_one_packet_are_answered_in_order),
        WITH(setup, pipelined_requests_wait_for_a_parked_one),
        WITH(setup, what_is_sent_ahead_of_a_parked_request_is_bounded),
        WITH(setup, a_chunked_body_with_trailers_is_read),
        WITH(setup, a_large_body_comes_whole),
        WITH(setup, owners_may_decide_and_answer_later),
        WITH(setup, continue_is_sent_once_the_body_is_wanted),
        WITH(setup, continue_is_not_sent_when_the_body_has_begun),
        WITH(setup, a_refused_expectation_gets_its_answer_only),
        WITH(setup, head_has_the_length_and_no_body),
        WITH(setup, no_content_has_neither_length_nor_type),
        WITH(setup, http_1_0_is_answered_and_closed),
        WITH(setup, connection_close_is_honoured),
        WITH(setup, what_is_sent_behind_an_answer_that_closes_is_not_read),
        WITH(setup, faulty_heads_are_refused_and_closed),
        WITH(setup, too_long_bodies_are_refused),
        WITH(setup, bad_chunks_are_refused_and_the_owner_told),
        WITH(setup, an_early_answer_survives_the_upload),
        WITH(setup, an_early_answer_to_a_body_that_is_here_keeps_the_connection),
        WITH(setup, a_late_early_answer_keeps_the_connection_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
