/* Time and ends: deadlines, peers that go, streams, the cap on connections, drain and close.
 * Nothing is asserted about time; deadlines are made short and the tests wait for what must happen.
 */
#include "base/clock.h"
#include "http_client.h"

#include <malloc.h>
#include <poll.h>

/* --- deadlines --- */

/* One byte at a time until the server answers; it must, though bytes keep coming. */
static void trickle(int fd, char byte)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    for (int i = 0; i < PATIENCE_MS / 5; i++) {
        (void)send(fd, &byte, 1, MSG_NOSIGNAL);
        if (poll(&wait, 1, 5) > 0) {
            return;
        }
    }
    fail();
}

static void a_trickling_head_is_cut(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "GET / HTTP/1.1\r\nA: ");
    trickle(fd, 'a');
    expect_answer(rig, fd, 408, NULL);
    hear_end(rig, fd);
}

static void a_trickling_body_is_cut(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "POST /a HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
    trickle(fd, 'a');
    expect_answer(rig, fd, 408, NULL);
    hear_end(rig, fd);
    assert_int_equal(atomic_load(&rig->gone), 1);
    fd = dial(rig);
    say(fd, "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffff\r\n");
    trickle(fd, 'a');
    expect_answer(rig, fd, 408, NULL);
}

static void a_peer_that_reads_nothing_is_cut(void **state)
{
    struct rig *rig = *state;
    int small = 4096;
    int fds[2] = {dial(rig), dial(rig)};
    (void)setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    (void)setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    say(fds[0], GET("/big"));
    say(fds[1], GET("/flood"));
    wait_for(&rig->requests, 2);
    wait_for(&rig->connections, 0);
    assert_int_equal(atomic_load(&rig->gone), 1); /* the stream; the whole answer had ended */
}

static void an_idle_connection_ends(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    hear_end(rig, fd);
    hang_up(rig, fd);
    fd = dial(rig);
    say(fd, GET("/a"));
    expect_answer(rig, fd, 200, "/a");
    hear_end(rig, fd);
    hang_up(rig, fd);
    wait_for(&rig->connections, 0);
}

/* --- peers that go --- */

static void a_reset_is_noticed_while_parked(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/park"));
    wait_for(&rig->parked_count, 1);
    hang_up_with_reset(rig, fd);
    wait_for(&rig->gone, 1);
    wait_for(&rig->connections, 0);
    assert_int_equal(atomic_load(&rig->parked_count), 0);
}

static void a_half_closed_peer_gets_its_answer(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/a") GET("/park"));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    expect_answer(rig, fd, 200, "/a");
    wait_for(&rig->parked_count, 1);
    ask(rig, ASK_RELEASE);
    expect_answer(rig, fd, 200, "released");
    hear_end(rig, fd);
    wait_for(&rig->connections, 0);
    assert_int_equal(atomic_load(&rig->gone), 0);
}

static void the_end_counts_as_gone_where_asked(void **state)
{
    struct rig *rig = *state;
    int early = dial(rig);
    say(early, GET("/park-eof"));
    hang_up(rig, early); /* perhaps before the request is read */
    wait_for(&rig->gone, 1);
    int late = dial(rig);
    say(late, GET("/park-eof"));
    wait_for(&rig->parked_count, 1);
    hang_up(rig, late);
    wait_for(&rig->gone, 2);
    wait_for(&rig->connections, 0);
}

static void half_a_body_is_gone(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, "POST /a HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc");
    hang_up(rig, fd);
    wait_for(&rig->gone, 1);
    fd = dial(rig);
    say(fd, "GET /a HTT");
    hang_up(rig, fd);
    wait_for(&rig->connections, 0);
    assert_int_equal(atomic_load(&rig->requests), 0);
}

static void a_streams_end_is_noticed(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/flood"));
    (void)hear_text(rig, fd, "bbb");
    hang_up(rig, fd);
    wait_for(&rig->gone, 1);
    wait_for(&rig->connections, 0);
}

/* --- streams --- */

static void a_stream_is_chunked(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/stream"));
    (void)hear_text(rig, fd, "\r\n\r\n3\r\none\r\n16\r\ntwenty-two bytes long.\r\n0\r\n\r\n");
    assert_true(has_text(rig, "Content-Type: text/plain\r\n"));
    assert_true(has_text(rig, "Transfer-Encoding: chunked\r\n"));
    assert_false(has_text(rig, "Content-Length"));
}

static void a_stream_waits_for_room(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/flood"));
    wait_for(&rig->requests, 1);
    (void)hear_text(rig, fd, "\r\n0\r\n\r\n");
    assert_true(rig->in.len > BIG);
    assert_true(atomic_load(&rig->rooms) > 2);
    assert_int_equal(atomic_load(&rig->gone), 0);
    buf_done(&rig->in);
    say(fd, GET("/next"));
    expect_answer(rig, fd, 200, "/next");
}

static void a_large_answer_comes_whole(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/big") GET("/next"));
    size_t body_at = hear_text(rig, fd, "\r\n\r\n");
    while (rig->in.len < body_at + BIG) {
        assert_true(hear(rig, fd));
    }
    assert_memory_equal(rig->in.ptr + body_at, rig->big, BIG);
    buf_consume(&rig->in, body_at + BIG);
    expect_answer(rig, fd, 200, "/next");
}

/* --- the server's own limits and end --- */

static void connections_past_the_cap_wait(void **state)
{
    struct rig *rig = *state;
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = dial(rig);
        say(fds[i], GET("/a"));
    }
    for (int i = 0; i < 4; i++) {
        expect_answer(rig, fds[i], 200, "/a");
        assert_true(atomic_load(&rig->connections) <= 2);
        hang_up(rig, fds[i]);
    }
}

static void a_drained_server_ends_what_it_has_begun(void **state)
{
    struct rig *rig = *state;
    int idle = dial(rig);
    int parked = dial(rig);
    int partial = dial(rig);
    say(idle, GET("/a"));
    expect_answer(rig, idle, 200, "/a");
    say(parked, GET("/park"));
    say(partial, "GET /partial HTTP/1.1\r\n");
    wait_for(&rig->parked_count, 1);
    wait_for(&rig->connections, 3);
    ask(rig, ASK_DRAIN);
    hear_end(rig, idle);
    hang_up(rig, idle);
    assert_int_equal(try_connect(rig), -1);
    say(partial, HOST "\r\n");
    (void)hear_text(rig, partial, "Connection: close\r\n");
    expect_answer(rig, partial, 200, "/partial");
    hear_end(rig, partial);
    hang_up(rig, partial);
    assert_int_equal(atomic_load(&rig->drained), 0);
    ask(rig, ASK_RELEASE);
    (void)hear_text(rig, parked, "Connection: close\r\n");
    expect_answer(rig, parked, 200, "released");
    hear_end(rig, parked);
    hang_up(rig, parked);
    wait_for(&rig->drained, 1);
}

static void an_answer_on_its_way_does_not_hold_up_the_drain(void **state)
{
    struct rig *rig = *state;
    int whole = dial(rig);
    int streamed = dial(rig);
    say(whole, GET("/big"));
    say(streamed, GET("/flood"));
    wait_for(&rig->requests, 2);
    ask(rig, ASK_DRAIN);
    hear_end(rig, whole);
    assert_true(rig->in.len > BIG);
    buf_clear(&rig->in);
    hear_end(rig, streamed);
    assert_true(rig->in.len > BIG);
    hang_up(rig, whole);
    hang_up(rig, streamed);
    wait_for(&rig->drained, 1);
}

/* They keep their side open and read nothing: a drain that waited for them would take the 5 s in
 * which the rest of an answer may be on its way. */
static void peers_that_stay_do_not_hold_up_the_drain(void **state)
{
    struct rig *rig = *state;
    int idle = dial(rig);
    int parked = dial(rig);
    int silent = dial(rig);
    int partial = dial(rig);
    say(idle, GET("/a"));
    expect_answer(rig, idle, 200, "/a");
    say(parked, GET("/park"));
    say(partial, "GET /partial HTTP/1.1\r\n");
    wait_for(&rig->parked_count, 1);
    wait_for(&rig->connections, 4);
    uint64_t began_ms = clock_mono_us() / 1000;
    ask(rig, ASK_DRAIN);
    ask(rig, ASK_RELEASE);
    wait_for(&rig->drained, 1);
    assert_true(clock_mono_us() / 1000 - began_ms < 4000);
    expect_answer(rig, parked, 200, "released");
    hear_end(rig, silent);
}

static void an_empty_server_is_drained_at_once(void **state)
{
    struct rig *rig = *state;
    ask(rig, ASK_DRAIN);
    wait_for(&rig->drained, 1);
}

static int setup_adopted(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct rig *rig = new_rig((struct http_config){0});
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *state = rig;
    rig->fds[rig->fd_count++] = fd;
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        http_server_adopt(rig->server, fd) != ERR_OK) {
        return -1;
    }
    rig->port = ntohs(address.sin_port);
    return pthread_create(&rig->thread, NULL, run_loop, rig);
}

static void an_adopted_socket_stays_open_in_its_owner(void **state)
{
    struct rig *rig = *state;
    int fd = dial(rig);
    say(fd, GET("/a"));
    expect_answer(rig, fd, 200, "/a");
    hang_up(rig, fd);
    ask(rig, ASK_DRAIN);
    wait_for(&rig->drained, 1);
    (void)dial(rig); /* waits in the kernel for whoever serves the socket next */
}

static enum err listen_beside(struct rig *rig, bool shares_port, int *ret_port)
{
    static const struct http_handlers handlers = {.on_head = on_head, .on_request = on_request};
    struct loop *loop = loop_new();
    struct http_server *other =
        http_server_new(loop, &(struct http_config){.shares_port = shares_port}, &handlers, rig);
    enum err err = http_server_listen(other, "127.0.0.1", rig->port, ret_port);
    http_server_close(other);
    loop_free(loop);
    return err;
}

static void two_servers_share_a_port_when_both_say_so(void **state)
{
    struct rig *rig = *state;
    int port = 0;
    assert_int_equal(listen_beside(rig, true, &port), ERR_OK);
    assert_int_equal(port, rig->port);
    assert_int_equal(listen_beside(rig, false, &port), ERR_IN_USE);
}

static void an_address_that_cannot_be_had_is_an_error(void **state)
{
    struct rig *rig = *state;
    static const struct http_handlers handlers = {.on_head = on_head, .on_request = on_request};
    struct loop *loop = loop_new();
    struct http_server *other = http_server_new(loop, NULL, &handlers, rig);
    enum err foreign = http_server_listen(other, "192.0.2.1", 0, NULL);
    enum err unknown = http_server_listen(other, "not an address", 0, NULL);
    http_server_close(other);
    loop_free(loop);
    assert_int_not_equal(foreign, ERR_OK);
    assert_int_equal(unknown, ERR_BAD_REQUEST);
}

static void a_closed_server_lets_go_of_everything(void **state)
{
    struct rig *rig = *state; /* teardown closes, and finds what is left */
    say(dial(rig), GET("/park"));
    say(dial(rig), GET("/flood"));
    say(dial(rig), "POST /a HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc");
    say(dial(rig), "GET ");
    (void)dial(rig);
    wait_for(&rig->connections, 5);
    wait_for(&rig->parked_count, 1);
}

static void a_parked_request_costs_little(void **state)
{
    enum { COUNT = 500 };
    struct rig *rig = *state;
    int first = dial(rig);
    say(first, GET("/park"));
    wait_for(&rig->parked_count, 1);
    size_t before = mallinfo2().uordblks;
    for (int i = 1; i <= COUNT; i++) {
        say(dial(rig),
            "POST /park HTTP/1.1\r\n" HOST "User-Agent: RunPod-Python-SDK/1.7.0\r\n"
            "Accept: */*\r\nConnection: keep-alive\r\nAuthorization: Bearer 0123456\r\n"
            "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"input\":{}}");
        wait_for(&rig->parked_count, i + 1);
    }
    size_t after = mallinfo2().uordblks; /* sanitizers report none at all */
    print_message("bytes of a parked request: %zu\n", (after - before) / COUNT);
    assert_true((after - before) / COUNT < 2048);
    ask(rig, ASK_RELEASE);
    expect_answer(rig, first, 200, "released");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(setup_hasty, a_trickling_head_is_cut),
        WITH(setup_hasty, a_trickling_body_is_cut),
        WITH(setup_hasty, a_peer_that_reads_nothing_is_cut),
        WITH(setup_short_idle, an_idle_connection_ends),
        WITH(setup, a_reset_is_noticed_while_parked),
        WITH(setup, a_half_closed_peer_gets_its_answer),
        WITH(setup, the_end_counts_as_gone_where_asked),
        WITH(setup, half_a_body_is_gone),
        WITH(setup, a_streams_end_is_noticed),
        WITH(setup, a_stream_is_chunked),
        WITH(setup, a_stream_waits_for_room),
        WITH(setup, a_large_answer_comes_whole),
        WITH(setup_two, connections_past_the_cap_wait),
        WITH(setup, a_drained_server_ends_what_it_has_begun),
        WITH(setup, an_answer_on_its_way_does_not_hold_up_the_drain),
        WITH(setup, peers_that_stay_do_not_hold_up_the_drain),
        WITH(setup, an_empty_server_is_drained_at_once),
        WITH(setup_adopted, an_adopted_socket_stays_open_in_its_owner),
        WITH(setup, two_servers_share_a_port_when_both_say_so),
        WITH(setup, an_address_that_cannot_be_had_is_an_error),
        WITH(setup, a_closed_server_lets_go_of_everything),
        WITH(setup, a_parked_request_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
