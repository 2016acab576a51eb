/* Answers: whole, streamed, and those of the server itself.
 *
 * The head is built in a buffer all connections share and leaves with the body in one write.
 * Whether the connection stays open is decided before the head is built, because the head says so.
 *
 * Streams are chunked, one chunk for each write; HTTP/1.0 gets the bare bytes until the close. The
 * body of an answer to HEAD is counted and dropped. */
#include "net/http_conn.h"

#include <stdio.h>

#define BODY_BESIDE_HEAD ((size_t)4 << 10) /* copying so much costs less than a second vector */

static struct http_conn *conn_of(struct http_request *request)
{
    return container_of(request, struct http_conn, request);
}

static void put_line(struct buf *out, const char *name, struct slice value)
{
    (void)buf_put_str(out, name);
    (void)buf_put_slice(out, value);
    (void)buf_put(out, "\r\n", 2);
}

static void put_status(struct buf *out, int status)
{
    if (status == 200) {
        (void)buf_put_slice(out, SLICE("HTTP/1.1 200 OK\r\n"));
        return;
    }
    (void)buf_put_slice(out, SLICE("HTTP/1.1 "));
    (void)buf_put_i64(out, status);
    put_line(out, " ", slice_of(http_reason(status)));
}

static bool may_have_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* Everything but the line that frames the body and the empty line. */
static struct buf *begin_head(struct http_conn *conn, const struct http_answer *answer)
{
    struct buf *out = &conn->server->scratch;
    const char *type =
        answer->content_type ? answer->content_type : conn->server->config.content_type;
    buf_clear(out);
    put_status(out, answer->status);
    if (may_have_body(answer->status)) {
        put_line(out, "Content-Type: ", slice_of(type));
    }
    (void)buf_put_slice(out, answer->headers);
    if (conn->must_close) {
        (void)buf_put_slice(out, SLICE("Connection: close\r\n"));
    } else if (conn->is_v10) {
        (void)buf_put_slice(out, SLICE("Connection: keep-alive\r\n"));
    }
    return out;
}

/* The request is dead from here on. */
static void send_whole(struct http_conn *conn, const struct http_answer *answer)
{
    struct buf *out = begin_head(conn, answer);
    struct slice body = answer->body;
    if (may_have_body(answer->status)) {
        (void)buf_put_slice(out, SLICE("Content-Length: "));
        (void)buf_put_i64(out, (int64_t)body.len);
        (void)buf_put(out, "\r\n", 2);
    }
    (void)buf_put(out, "\r\n", 2);
    if (conn->request.method == HTTP_HEAD || !may_have_body(answer->status)) {
        body = SLICE_NONE;
    }
    if (body.len <= BODY_BESIDE_HEAD) {
        (void)buf_put_slice(out, body);
        body = SLICE_NONE;
    }
    http_conn_move(conn, HTTP_FLUSH);
    http_write(conn, buf_slice(out), body);
    if (http_write_backlog(conn) == 0) {
        http_conn_answered(conn);
    }
}

void http_reply(struct http_request *request, const struct http_answer *answer)
{
    struct http_conn *conn = conn_of(request);
    ensure(http_conn_has_request(conn) && conn->state != HTTP_STREAM);
    http_conn_settle_close(conn);
    conn->must_close |= answer->must_close;
    send_whole(conn, answer);
}

void http_refuse(struct http_conn *conn, enum err err, const char *detail)
{
    const struct http_handlers *handlers = &conn->server->handlers;
    AUTO(buf_done) struct buf body = BUF_INIT;
    if (handlers->on_refused != NULL) {
        handlers->on_refused(err, detail, &body, conn->server->arg);
    } else {
        (void)buf_printf(&body, "%s\n", detail);
    }
    if (http_conn_has_request(conn) && conn->request.on_gone != NULL) {
        conn->request.on_gone(&conn->request);
    }
    if (conn->state == HTTP_CLOSED) {
        return; /* the owner has closed the server */
    }
    conn->must_close = true;
    struct http_answer answer = {
        .status = err_http_status(err),
        .content_type = handlers->on_refused != NULL ? NULL : "text/plain",
        .body = buf_slice(&body),
    };
    send_whole(conn, &answer);
}

/* --- streams --- */

void http_stream_begin(struct http_request *request, const struct http_answer *head)
{
    struct http_conn *conn = conn_of(request);
    ensure(http_conn_has_request(conn) && conn->state != HTTP_STREAM);
    http_conn_settle_close(conn);
    conn->is_stream_raw = conn->is_v10;
    conn->must_close |= conn->is_v10;
    struct buf *out = begin_head(conn, head);
    if (!conn->is_stream_raw && may_have_body(head->status)) {
        (void)buf_put_slice(out, SLICE("Transfer-Encoding: chunked\r\n"));
    }
    (void)buf_put(out, "\r\n", 2);
    http_conn_no_deadline(conn);
    http_conn_move(conn, HTTP_STREAM);
    (void)buf_put_slice(http_write_later(conn), buf_slice(out));
    if (head->body.len > 0) {
        http_stream_write(request, head->body);
    }
}

void http_stream_write(struct http_request *request, struct slice bytes)
{
    struct http_conn *conn = conn_of(request);
    ensure(conn->state == HTTP_STREAM);
    if (bytes.len == 0 || conn->request.method == HTTP_HEAD || conn->is_broken) {
        return; /* an empty chunk would end the answer */
    }
    struct buf *out = http_write_later(conn);
    if (conn->is_stream_raw) {
        (void)buf_put_slice(out, bytes);
    } else {
        char size[24];
        int len = snprintf(size, sizeof(size), "%zx\r\n", bytes.len);
        (void)buf_put(out, size, (size_t)len);
        (void)buf_put_slice(out, bytes);
        (void)buf_put(out, "\r\n", 2);
    }
    if (buf_is_over(out)) {
        conn->is_broken = true; /* half a chunk is worse than none */
        http_conn_run_later(conn);
    }
}

void http_stream_end(struct http_request *request)
{
    struct http_conn *conn = conn_of(request);
    ensure(conn->state == HTTP_STREAM);
    struct buf *out = http_write_later(conn);
    if (!conn->is_stream_raw && conn->request.method != HTTP_HEAD) {
        (void)buf_put_slice(out, SLICE("0\r\n\r\n"));
    }
    http_conn_move(conn, HTTP_FLUSH);
    if (conn->flight != NULL) {
        http_conn_deadline(conn, conn->server->config.write_ms);
    }
}

void http_stream_cut(struct http_request *request)
{
    struct http_conn *conn = conn_of(request);
    ensure(conn->state == HTTP_STREAM);
    request->on_gone = NULL;
    conn->on_room = NULL;
    http_write_flush(conn);
    conn->is_broken = true;
    http_conn_run_later(conn);
}

/* --- upgrades --- */

void http_upgrade(struct http_request *request, struct slice headers, http_bytes_fn on_bytes,
                  void *arg)
{
    struct http_conn *conn = conn_of(request);
    ensure(conn->state == HTTP_ANSWER);
    struct buf *out = http_write_later(conn);
    (void)buf_put_slice(out, SLICE("HTTP/1.1 101 Switching Protocols\r\n"));
    (void)buf_put_slice(out, headers);
    (void)buf_put_slice(out, SLICE("Connection: Upgrade\r\n\r\n"));
    conn->is_stream_raw = true;
    conn->must_close = true;
    conn->on_bytes = on_bytes;
    conn->bytes_arg = arg;
    request->eof_is_gone = true;
    http_conn_no_deadline(conn);
    http_conn_move(conn, HTTP_STREAM);
    if (!conn->is_running) {
        http_conn_run_later(conn); /* it may have sent more already */
    }
}

void http_upgrade_hold(struct http_request *request)
{
    struct http_conn *conn = conn_of(request);
    conn->is_held = true;
    http_conn_watch(conn);
}

void http_upgrade_release(struct http_request *request)
{
    struct http_conn *conn = conn_of(request);
    if (conn->is_held) {
        conn->is_held = false;
        http_conn_run_later(conn);
    }
}

size_t http_stream_backlog(const struct http_request *request)
{
    return http_write_backlog(container_of(request, const struct http_conn, request));
}

void http_stream_on_room(struct http_request *request, void (*on_room)(struct http_request *))
{
    conn_of(request)->on_room = on_room;
}
