/* What bytes do to a connection: one step for each state.
 *
 * http_conn_run() takes what has been read and lets the step of the current state eat from it until
 * none can go on; what is left is kept and reading stops, so that a client that sends ahead waits
 * in the kernel. Owner callbacks happen inside steps; an answer given there moves the state, and
 * the loop simply goes on with the next step. An answer given at any other time asks for a run in
 * the next turn.
 *
 * What must never happen: an unread body taken for the next request. An answer before the end of
 * the body closes the connection, unless all of the body is here and can be skipped. */
#include <stdio.h>

#include "net/http_conn.h"

#define LINGER_BYTES \
    ((uint64_t)64 << 20) /* a refused upload of the largest sensible body ends well */

/* Each step eats from `in` and says whether to go on. */
static void begin_request(struct http_conn *conn)
{
    const struct http_head *head = &conn->parse.head;
    http_conn_no_deadline(conn);
    http_conn_move(conn, HTTP_DECIDE);
    conn->is_v10 = head->is_v10;
    conn->is_chunked = head->is_chunked;
    conn->expects_continue = head->expects_continue;
    conn->must_close = !head->is_keep_alive;
    conn->request = (struct http_request){
        .method = head->method,
        .method_name = head->method_name,
        .path = head->path,
        .query = head->query,
        .headers = head->headers,
        .header_count = head->header_count,
        .content_length = head->content_length,
        .peer = slice_of(conn->peer),
        .is_loopback = conn->is_loopback,
        .connection = conn->number,
    };
    conn->server->handlers.on_head(&conn->request, conn->server->arg);
}

static bool step_head(struct http_conn *conn, struct slice *in)
{
    if (in->len == 0) {
        if (conn->is_eof) {
            http_conn_close(conn);
        }
        return false;
    }
    size_t used = 0;
    bool is_complete = false;
    http_conn_take_memory(conn);
    enum err err = http_parse_feed(&conn->parse, *in, &used, &is_complete);
    if (err != ERR_OK) {
        http_refuse(conn, err, conn->parse.detail);
        return true;
    }
    *in = slice_from(*in, used);
    if (is_complete) {
        begin_request(conn);
    } else if (conn->state == HTTP_IDLE && !http_parse_is_empty(&conn->parse)) {
        http_conn_move(conn, HTTP_READ_HEAD);
        http_conn_deadline(conn, conn->server->config.head_ms);
    }
    return true;
}

/* The end of the peer's side while nothing but our answer is missing. */
static bool step_wait(struct http_conn *conn, struct slice *in)
{
    (void)in;
    if (conn->is_eof && conn->request.eof_is_gone) {
        http_conn_lose(conn);
    }
    return false;
}

/* What an upgraded connection brings is its owner's. */
static bool step_stream(struct http_conn *conn, struct slice *in)
{
    if (conn->on_bytes == NULL || in->len == 0) {
        return step_wait(conn, in);
    }
    if (conn->is_held) {
        return false;
    }
    struct slice bytes = *in;
    *in = SLICE("");
    conn->on_bytes(bytes, conn->bytes_arg);
    return true;
}

static bool has_body(const struct http_conn *conn)
{
    return conn->is_chunked || conn->request.content_length > 0;
}

/* RunPod's words, which clients may look for. */
void http_too_large(size_t body_max, char detail[HTTP_TOO_LARGE_SIZE])
{
    bool is_mib = body_max >= 1 << 20 && body_max % (1 << 20) == 0;
    (void)snprintf(detail, HTTP_TOO_LARGE_SIZE,
                   "bad request: body: exceeded max body size of %zu%s",
                   is_mib ? body_max >> 20 : body_max, is_mib ? "MiB" : " bytes");
}

static void refuse_size(struct http_conn *conn)
{
    char detail[HTTP_TOO_LARGE_SIZE];
    http_too_large(conn->body_max, detail);
    http_refuse(conn, ERR_TOO_LARGE, detail);
}

static bool step_decide(struct http_conn *conn, struct slice *in)
{
    if (!conn->is_accepted) {
        return step_wait(conn, in);
    }
    int64_t length = conn->request.content_length;
    if (length > 0 && (uint64_t)length > conn->body_max) {
        refuse_size(conn);
        return true;
    }
    if (conn->expects_continue && has_body(conn) && in->len == 0) {
        http_write(conn, SLICE("HTTP/1.1 100 Continue\r\n\r\n"), SLICE_NONE);
    }
    http_conn_move(conn, HTTP_READ_BODY);
    if (has_body(conn)) {
        /* At once: to grow costs copies, and memory into which nothing is written costs nothing. */
        (void)buf_reserve(&conn->body, length > 0 ? (size_t)length : 0);
    }
    conn->body_begun_ms = loop_now_ms(conn->server->loop);
    return true;
}

static enum err feed_sized(struct http_conn *conn, struct slice *in, bool *ret_is_complete)
{
    size_t left = http_conn_body_left(conn);
    size_t take = in->len < left ? in->len : left;
    enum err err = buf_put(&conn->body, in->ptr, take);
    *in = slice_from(*in, take);
    *ret_is_complete = take == left;
    return err;
}

static enum err feed_chunked(struct http_conn *conn, struct slice *in, bool *ret_is_complete)
{
    struct http_chunk_feed feed = {.body = &conn->body, .body_max = conn->body_max};
    enum err err = http_chunks_feed(&conn->chunks, *in, &feed);
    *in = slice_from(*in, feed.used);
    *ret_is_complete = feed.is_complete;
    return err;
}

static void end_body(struct http_conn *conn)
{
    http_conn_no_deadline(conn);
    http_conn_move(conn, HTTP_ANSWER);
    conn->request.body = buf_slice(&conn->body);
    conn->server->handlers.on_request(&conn->request, conn->server->arg);
}

/* False when the owner has answered. */
static bool tell_of_body(struct http_conn *conn)
{
    const struct http_handlers *handlers = &conn->server->handlers;
    if (conn->is_chunked && handlers->on_body != NULL) {
        handlers->on_body(&conn->request, conn->body.len, conn->server->arg);
    }
    return conn->state == HTTP_READ_BODY;
}

static bool step_body(struct http_conn *conn, struct slice *in)
{
    bool is_complete = false;
    enum err err = conn->is_chunked ? feed_chunked(conn, in, &is_complete)
                                    : feed_sized(conn, in, &is_complete);
    if (err == ERR_TOO_LARGE) {
        refuse_size(conn);
        return true;
    }
    if (err != ERR_OK) {
        http_refuse(conn, err, conn->chunks.detail);
        return true;
    }
    if (!tell_of_body(conn)) {
        return true;
    }
    if (is_complete) {
        end_body(conn);
        return true;
    }
    if (conn->is_eof) {
        http_conn_lose(conn); /* half a body, and no more of it */
    } else {
        http_conn_wait_for_body(conn);
    }
    return false;
}

static bool step_flush(struct http_conn *conn, struct slice *in)
{
    (void)conn;
    (void)in;
    return false;
}

static bool step_linger(struct http_conn *conn, struct slice *in)
{
    conn->drained += in->len;
    *in = SLICE("");
    if (conn->is_eof || conn->drained > LINGER_BYTES) {
        http_conn_close(conn);
    }
    return false;
}

static bool step_closed(struct http_conn *conn, struct slice *in)
{
    (void)conn;
    *in = SLICE("");
    return false;
}

static bool (*const steps[HTTP_STATE_COUNT])(struct http_conn *, struct slice *) = {
    [HTTP_IDLE] = step_head,      [HTTP_READ_HEAD] = step_head, [HTTP_DECIDE] = step_decide,
    [HTTP_READ_BODY] = step_body, [HTTP_ANSWER] = step_wait,    [HTTP_STREAM] = step_stream,
    [HTTP_FLUSH] = step_flush,    [HTTP_LINGER] = step_linger,  [HTTP_CLOSED] = step_closed,
};

/* Keeps what no step has taken. */
static void keep_rest(struct http_conn *conn, struct slice left)
{
    if (left.len == 0) {
        buf_done(&conn->rest);
    } else if (conn->rest.len > 0) {
        buf_consume(&conn->rest, conn->rest.len - left.len);
    } else {
        (void)buf_put_slice(&conn->rest, left);
    }
}

void http_conn_run(struct http_conn *conn, struct slice bytes)
{
    ensure(!conn->is_running && (conn->rest.len == 0 || bytes.len == 0));
    if (conn->is_broken) {
        http_conn_lose(conn);
        return;
    }
    struct slice in = conn->rest.len > 0 ? buf_slice(&conn->rest) : bytes;
    conn->is_running = true;
    conn->input = &in;
    while (steps[conn->state](conn, &in)) {
    }
    conn->input = NULL;
    conn->is_running = false;
    keep_rest(conn, in);
    http_conn_watch(conn);
}

/* Takes a body that nobody wants off the input, if it has come whole. */
static bool skip_body(struct http_conn *conn)
{
    if (conn->is_chunked || conn->expects_continue) {
        return false;
    }
    int64_t length = conn->request.content_length;
    size_t left = length > 0 ? (size_t)length - conn->body.len : 0;
    if (conn->input != NULL && left <= conn->input->len) {
        *conn->input = slice_from(*conn->input, left);
        return true;
    }
    if (conn->input == NULL && left <= conn->rest.len) {
        buf_consume(&conn->rest, left);
        return true;
    }
    return false;
}

void http_conn_settle_close(struct http_conn *conn)
{
    bool is_unread = conn->state == HTTP_DECIDE || conn->state == HTTP_READ_BODY;
    if (conn->server->is_draining || (is_unread && !skip_body(conn))) {
        conn->must_close = true;
    }
}

void http_accept(struct http_request *request, size_t body_max)
{
    struct http_conn *conn = container_of(request, struct http_conn, request);
    ensure(conn->state == HTTP_DECIDE && !conn->is_accepted);
    conn->is_accepted = true;
    conn->body_max = body_max < BUF_MAX_DEFAULT ? body_max : BUF_MAX_DEFAULT;
    if (!conn->is_running) {
        http_conn_run_later(conn);
    }
}
