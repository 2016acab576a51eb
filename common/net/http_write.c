/* Bytes out of a connection.
 *
 * A whole answer is tried at once, head and body in one writev; usually that is all. What the
 * socket does not take, and what streams write, is gathered in `out`. Streams leave at the end of
 * the turn, so twenty writes of a turn are one system call. When the socket is full, `out` becomes
 * a flight: the bytes that libuv writes when it can, one at a time, while a new `out` gathers.
 *
 * A failed write marks the connection broken and has its steps run in the next turn: the caller may
 * be the owner, who must not be called back from inside. */
#include "net/http_conn.h"

#define OUT_MAX ((size_t)256 << 20) /* a stream whose owner never looks at its backlog */

struct http_flight {
    uv_write_t write;
    struct http_conn *conn;
    struct buf bytes; /* owned */
};

static void on_flown(uv_write_t *write, int status);

static void break_conn(struct http_conn *conn)
{
    conn->is_broken = true;
    buf_clear(&conn->out);
    http_conn_run_later(conn);
}

static void start_flight(struct http_conn *conn, size_t already_left)
{
    struct http_flight *flight = xcalloc(1, sizeof(*flight));
    flight->conn = conn;
    flight->bytes = conn->out;
    buf_init(&conn->out, OUT_MAX);
    uv_buf_t rest =
        uv_buf_init(flight->bytes.ptr + already_left, (unsigned)(flight->bytes.len - already_left));
    int result = uv_write(&flight->write, (uv_stream_t *)&conn->tcp, &rest, 1, on_flown);
    if (result != 0) {
        buf_done(&flight->bytes);
        free(flight);
        break_conn(conn);
        return;
    }
    conn->flight = flight;
    conn->flown += rest.len;
    (void)http_write_has_moved(conn);
    if (conn->state == HTTP_STREAM || conn->state == HTTP_FLUSH) {
        http_conn_deadline(conn, conn->server->config.write_ms);
    }
}

/* Nothing is left to write. */
static void on_empty(struct http_conn *conn)
{
    if (conn->state == HTTP_FLUSH) {
        http_conn_answered(conn);
    } else if (conn->state == HTTP_STREAM) {
        http_conn_no_deadline(conn);
        if (conn->on_room != NULL) {
            conn->on_room(&conn->request);
        }
    }
}

static void on_flown(uv_write_t *write, int status)
{
    struct http_flight *flight = container_of(write, struct http_flight, write);
    struct http_conn *conn = flight->conn;
    buf_done(&flight->bytes);
    free(flight);
    conn->flight = NULL;
    if (conn->state == HTTP_CLOSED) {
        return;
    }
    if (status != 0) {
        http_conn_lose(conn);
    } else if (conn->out.len > 0) {
        http_write_flush(conn);
    } else {
        on_empty(conn);
    }
}

void http_write_flush(struct http_conn *conn)
{
    list_unlink(&conn->out_link);
    if (conn->flight != NULL || conn->is_broken) {
        return;
    }
    if (conn->out.len == 0) {
        if (conn->state == HTTP_FLUSH) { /* an end without a byte, of an answer without chunks */
            on_empty(conn);
        }
        return;
    }
    uv_buf_t all = uv_buf_init(conn->out.ptr, (unsigned)conn->out.len);
    int result = uv_try_write((uv_stream_t *)&conn->tcp, &all, 1);
    if (result < 0 && result != UV_EAGAIN) {
        break_conn(conn);
        return;
    }
    size_t left = result > 0 ? (size_t)result : 0;
    if (left < conn->out.len) {
        start_flight(conn, left);
        return;
    }
    buf_done(&conn->out);
    on_empty(conn);
}

/* Keeps what is beyond the first `gone` bytes of head and body; false when that is too much. */
static bool keep(struct http_conn *conn, const struct slice parts[2], size_t gone)
{
    for (int i = 0; i < 2; i++) {
        size_t skip = gone < parts[i].len ? gone : parts[i].len;
        gone -= skip;
        (void)buf_put_slice(&conn->out, slice_from(parts[i], skip));
    }
    if (buf_is_over(&conn->out)) {
        break_conn(conn);
        return false;
    }
    return true;
}

void http_write(struct http_conn *conn, struct slice head, struct slice body)
{
    const struct slice parts[2] = {head, body};
    if (conn->flight != NULL || conn->out.len > 0) {
        (void)keep(conn, parts, 0);
        return;
    }
    if (conn->is_broken) {
        return;
    }
    uv_buf_t both[2] = {{.base = (char *)(uintptr_t)head.ptr, .len = head.len},
                        {.base = (char *)(uintptr_t)body.ptr, .len = body.len}};
    int result = uv_try_write((uv_stream_t *)&conn->tcp, both, body.len > 0 ? 2 : 1);
    if (result < 0 && result != UV_EAGAIN) {
        break_conn(conn);
        return;
    }
    size_t gone = result > 0 ? (size_t)result : 0;
    if (gone < head.len + body.len && keep(conn, parts, gone)) {
        start_flight(conn, 0);
    }
}

struct buf *http_write_later(struct http_conn *conn)
{
    if (!list_is_linked(&conn->out_link)) {
        list_push(&conn->server->dirty, &conn->out_link);
    }
    return &conn->out;
}

size_t http_write_backlog(const struct http_conn *conn)
{
    return conn->out.len + uv_stream_get_write_queue_size((const uv_stream_t *)&conn->tcp);
}

bool http_write_has_moved(struct http_conn *conn)
{
    uint64_t left = conn->flown - uv_stream_get_write_queue_size((const uv_stream_t *)&conn->tcp);
    bool has_moved = left != conn->flown_mark;
    conn->flown_mark = left;
    return has_moved;
}

void http_write_done(struct http_conn *conn)
{
    buf_done(&conn->out);
}
