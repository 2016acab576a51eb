/* One connection: its states, its time, its reading and its end. What the bytes do is http_step.c.
 *
 * While a request is parked the connection keeps reading, into a buffer that all connections share:
 * that is how it learns that the peer has gone, and why waiting costs no memory.
 *
 * Deadlines are absolute and lazy: due_ms is just a number, the timer is moved only when it would
 * fire too late, so a busy keep-alive connection never touches the timer heap.
 *
 * What must never happen: a close that resets a finished answer away (LINGER); a call to an owner
 * about a request whose answer has ended. */
#include "net/http_conn.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/sm.h"

#define LINGER_MS 5000   /* a slow peer has had its answer in the network by then */
#define BODY_STEP 65536  /* first memory of a body, whatever Content-Length promises; doubles */
#define SPARE_BODY 65536 /* a larger body gives its memory back to the heap */
#define DIRECT_READ_MIN 16384 /* bodies with more to come are read into their own memory */

static const char *const state_names[HTTP_STATE_COUNT] = {
    "IDLE", "READ_HEAD", "DECIDE", "READ_BODY", "ANSWER", "STREAM", "FLUSH", "LINGER", "CLOSED",
};

static const uint32_t moves[HTTP_STATE_COUNT] = {
    [HTTP_IDLE] = SM_TO(HTTP_READ_HEAD) | SM_TO(HTTP_DECIDE) | SM_TO(HTTP_FLUSH) |
                  SM_TO(HTTP_LINGER) | SM_TO(HTTP_CLOSED),
    [HTTP_READ_HEAD] =
        SM_TO(HTTP_DECIDE) | SM_TO(HTTP_FLUSH) | SM_TO(HTTP_LINGER) | SM_TO(HTTP_CLOSED),
    [HTTP_DECIDE] =
        SM_TO(HTTP_READ_BODY) | SM_TO(HTTP_STREAM) | SM_TO(HTTP_FLUSH) | SM_TO(HTTP_CLOSED),
    [HTTP_READ_BODY] =
        SM_TO(HTTP_ANSWER) | SM_TO(HTTP_STREAM) | SM_TO(HTTP_FLUSH) | SM_TO(HTTP_CLOSED),
    [HTTP_ANSWER] = SM_TO(HTTP_STREAM) | SM_TO(HTTP_FLUSH) | SM_TO(HTTP_CLOSED),
    [HTTP_STREAM] = SM_TO(HTTP_FLUSH) | SM_TO(HTTP_CLOSED),
    [HTTP_FLUSH] = SM_TO(HTTP_IDLE) | SM_TO(HTTP_LINGER) | SM_TO(HTTP_CLOSED),
    [HTTP_LINGER] = SM_TO(HTTP_CLOSED),
    [HTTP_CLOSED] = 0,
};

static const struct sm machine = {"http", state_names, moves, HTTP_STATE_COUNT};

void http_conn_move(struct http_conn *conn, enum http_state to)
{
    sm_move(&machine, &conn->state, to, conn->peer);
}

bool http_conn_has_request(const struct http_conn *conn)
{
    return conn->state >= HTTP_DECIDE && conn->state <= HTTP_STREAM;
}

/* --- time --- */

static void on_timer(struct timer *timer);

void http_conn_deadline(struct http_conn *conn, uint64_t delay_ms)
{
    struct loop *loop = conn->server->loop;
    conn->due_ms = loop_now_ms(loop) + delay_ms;
    if (!timer_is_running(&conn->timer) || conn->timer.due_ms > conn->due_ms) {
        timer_start(loop, &conn->timer, delay_ms, on_timer);
    }
}

void http_conn_no_deadline(struct http_conn *conn)
{
    conn->due_ms = UINT64_MAX;
}

void http_conn_run_later(struct http_conn *conn)
{
    if (conn->state == HTTP_CLOSED || conn->is_run_due) {
        return;
    }
    conn->is_run_due = true;
    timer_start(conn->server->loop, &conn->timer, 0, on_timer);
}

static void begin_linger(struct http_conn *conn);

/* The time at which the bytes of the body so far are too few. */
static uint64_t body_due_ms(const struct http_conn *conn)
{
    const struct http_config *config = &conn->server->config;
    uint64_t paid_ms = conn->body.len * 1000 / config->body_rate;
    return conn->body_begun_ms + (paid_ms > config->body_ms ? paid_ms : config->body_ms);
}

void http_conn_wait_for_body(struct http_conn *conn)
{
    uint64_t now_ms = loop_now_ms(conn->server->loop);
    uint64_t due_ms = body_due_ms(conn);
    http_conn_deadline(conn, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void head_is_late(struct http_conn *conn)
{
    http_refuse(conn, ERR_REQUEST_TIMEOUT, "the request head did not arrive in time");
}

static void body_is_late(struct http_conn *conn)
{
    if (body_due_ms(conn) > loop_now_ms(conn->server->loop)) {
        http_conn_wait_for_body(conn);
        return;
    }
    http_refuse(conn, ERR_REQUEST_TIMEOUT, "the request body arrives too slowly");
}

/* Nothing of the answer has left for a whole write_ms: the peer is cut with a reset, or the kernel
 * would go on trying. */
static void write_is_late(struct http_conn *conn)
{
    if (http_write_has_moved(conn)) {
        http_conn_deadline(conn, conn->server->config.write_ms);
        return;
    }
    http_conn_lose(conn);
}

static void (*const on_late[HTTP_STATE_COUNT])(struct http_conn *) = {
    [HTTP_IDLE] = begin_linger,    [HTTP_READ_HEAD] = head_is_late, [HTTP_READ_BODY] = body_is_late,
    [HTTP_STREAM] = write_is_late, [HTTP_FLUSH] = write_is_late,    [HTTP_LINGER] = http_conn_close,
};

static void on_timer(struct timer *timer)
{
    struct http_conn *conn = container_of(timer, struct http_conn, timer);
    uint64_t now_ms = loop_now_ms(conn->server->loop);
    if (conn->due_ms <= now_ms) {
        conn->due_ms = UINT64_MAX;
        if (on_late[conn->state] != NULL) {
            on_late[conn->state](conn);
        }
    }
    if (conn->is_run_due) {
        conn->is_run_due = false;
        http_conn_run(conn, SLICE(""));
    }
    http_conn_watch(conn);
    if (conn->state != HTTP_CLOSED && conn->due_ms != UINT64_MAX &&
        !timer_is_running(&conn->timer)) {
        timer_start(conn->server->loop, &conn->timer,
                    conn->due_ms > now_ms ? conn->due_ms - now_ms : 0, on_timer);
    }
}

/* --- the end of a connection --- */

static void on_closed(uv_handle_t *handle)
{
    struct http_conn *conn = handle->data;
    struct http_server *server = conn->server;
    list_unlink(&conn->link);
    server->conn_count--;
    http_parse_done(&conn->parse);
    buf_done(&conn->body);
    buf_done(&conn->rest);
    http_write_done(conn);
    free(conn);
    http_server_conn_closed(server);
}

/* With bytes still unsent the peer has stopped reading, or is told that there will be no more: a
 * reset, so that the kernel does not keep them. */
void http_conn_close(struct http_conn *conn)
{
    if (conn->state == HTTP_CLOSED) {
        return;
    }
    bool is_cut = http_write_backlog(conn) > 0;
    http_conn_move(conn, HTTP_CLOSED);
    timer_stop(&conn->timer);
    conn->is_run_due = false;
    list_unlink(&conn->out_link);
    if (!is_cut || uv_tcp_close_reset(&conn->tcp, on_closed) != 0) {
        uv_close((uv_handle_t *)&conn->tcp, on_closed);
    }
}

void http_conn_lose(struct http_conn *conn)
{
    if (http_conn_has_request(conn) && conn->request.on_gone != NULL) {
        void (*on_gone)(struct http_request *) = conn->request.on_gone;
        conn->request.on_gone = NULL;
        on_gone(&conn->request);
    }
    http_conn_close(conn);
}

/* Ends our side; the peer sees the end after all it was sent. */
static void begin_linger(struct http_conn *conn)
{
    uv_os_fd_t fd;
    if (conn->is_eof || uv_fileno((uv_handle_t *)&conn->tcp, &fd) != 0 ||
        shutdown(fd, SHUT_WR) != 0) {
        http_conn_close(conn);
        return;
    }
    http_conn_move(conn, HTTP_LINGER);
    http_conn_deadline(conn, conn->server->is_draining ? HTTP_DRAIN_GRACE_MS : LINGER_MS);
    if (!conn->is_running) {
        buf_done(&conn->rest);
        http_conn_watch(conn);
    }
}

/* --- the end of a request --- */

void http_conn_take_memory(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    if (conn->parse.bytes.ptr == NULL && server->spare_count > 0) {
        struct http_memory *spare = &server->spares[--server->spare_count];
        http_parse_lend(&spare->parse, &conn->parse);
        conn->body = spare->body;
    }
}

static void give_memory_back(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    http_parse_reset(&conn->parse);
    if (conn->body.cap > SPARE_BODY) {
        buf_done(&conn->body);
    }
    if (conn->parse.bytes.ptr != NULL && server->spare_count < HTTP_SPARES_MAX) {
        struct http_memory *spare = &server->spares[server->spare_count++];
        http_parse_lend(&conn->parse, &spare->parse);
        buf_clear(&conn->body);
        spare->body = conn->body;
        conn->body = BUF_INIT;
    }
    http_parse_done(&conn->parse);
    buf_done(&conn->body);
}

static void forget_request(struct http_conn *conn)
{
    give_memory_back(conn);
    conn->chunks = (struct http_chunks){0};
    conn->request = (struct http_request){0};
    conn->on_room = NULL;
    conn->on_bytes = NULL;
    conn->is_held = false;
    conn->is_accepted = false;
    conn->is_stream_raw = false;
}

void http_conn_answered(struct http_conn *conn)
{
    http_conn_no_deadline(conn);
    forget_request(conn);
    if (conn->must_close) {
        begin_linger(conn);
        return;
    }
    http_conn_move(conn, HTTP_IDLE);
    http_conn_deadline(conn, conn->server->is_draining ? HTTP_DRAIN_GRACE_MS
                                                       : conn->server->config.idle_ms);
    if (conn->is_running) {
        return; /* the steps go on, and watch in the end */
    }
    if (conn->rest.len > 0 || conn->is_eof) {
        http_conn_run_later(conn);
    } else {
        http_conn_watch(conn); /* reading was off while a body now skipped was kept */
    }
}

void http_forget(struct http_request *request)
{
    struct http_conn *conn = container_of(request, struct http_conn, request);
    ensure(conn->state == HTTP_ANSWER || conn->state == HTTP_STREAM);
    give_memory_back(conn);
    request->path = request->query = request->body = request->method_name = SLICE_NONE;
    request->headers = NULL;
    request->header_count = 0;
}

/* --- reading --- */

size_t http_conn_body_left(const struct http_conn *conn)
{
    return conn->request.content_length > 0 ? (size_t)conn->request.content_length - conn->body.len
                                            : 0;
}

/* Room in the body itself when much of it is to come, else the bytes all connections share. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    (void)suggested;
    struct http_conn *conn = handle->data;
    size_t left =
        conn->state == HTTP_READ_BODY && !conn->is_chunked ? http_conn_body_left(conn) : 0;
    if (left < DIRECT_READ_MIN) {
        *ret_buf = uv_buf_init(conn->server->read_bytes, HTTP_READ_SIZE);
        return;
    }
    size_t room = conn->body.len > BODY_STEP ? conn->body.len : BODY_STEP;
    room = room < left ? room : left;
    ensure(buf_reserve(&conn->body, room) == ERR_OK);
    *ret_buf = uv_buf_init(conn->body.ptr + conn->body.len, (unsigned)room);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct http_conn *conn = stream->data;
    if (count == 0) {
        return;
    }
    if (count == UV_EOF) {
        conn->is_eof = true;
        conn->is_reading = false;
        http_conn_run(conn, SLICE(""));
    } else if (count < 0) {
        conn->is_reading = false;
        http_conn_lose(conn);
    } else if (buf->base == conn->server->read_bytes) {
        http_conn_run(conn, (struct slice){buf->base, (size_t)count});
    } else {
        conn->body.len += (size_t)count;
        http_conn_run(conn, SLICE(""));
    }
}

/* Reads unless something that was read still waits to be taken. */
void http_conn_watch(struct http_conn *conn)
{
    bool is_wanted =
        conn->state != HTTP_CLOSED && !conn->is_eof && conn->rest.len == 0 && !conn->is_held;
    if (is_wanted == conn->is_reading || conn->state == HTTP_CLOSED) {
        return;
    }
    conn->is_reading = is_wanted;
    if (is_wanted) {
        (void)uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    } else {
        (void)uv_read_stop((uv_stream_t *)&conn->tcp);
    }
}

/* --- the beginning of a connection --- */

static void read_peer(struct http_conn *conn)
{
    struct sockaddr_storage address = {0};
    int len = sizeof(address);
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&address, &len) != 0) {
        return;
    }
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
        (void)uv_ip4_name(v4, conn->peer, sizeof(conn->peer));
        conn->is_loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
        const uint8_t *bytes = v6->sin6_addr.s6_addr;
        (void)uv_ip6_name(v6, conn->peer, sizeof(conn->peer));
        conn->is_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
                            (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && bytes[12] == 127);
    }
}

void http_conn_open(struct http_server *server, uv_stream_t *listener)
{
    struct http_conn *conn = xcalloc(1, sizeof(*conn));
    conn->server = server;
    conn->due_ms = UINT64_MAX;
    conn->state = HTTP_IDLE;
    list_init(&conn->out_link);
    list_init(&conn->link);
    list_push(&server->conns, &conn->link);
    server->conn_count++;
    conn->number = ++server->conn_number;
    ensure(uv_tcp_init(loop_uv(server->loop), &conn->tcp) == 0);
    conn->tcp.data = conn;
    if (uv_accept(listener, (uv_stream_t *)&conn->tcp) != 0) {
        http_conn_close(conn);
        return;
    }
    read_peer(conn);
    http_conn_deadline(conn, server->config.idle_ms);
    http_conn_watch(conn);
}
