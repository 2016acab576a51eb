/*   resolve -> connect -> ask -> (refused: its answer, whole) | open: bytes both ways -> closed
 *
 * Before the other side has agreed nothing has been answered, so the owner may try elsewhere. A
 * refusal is short; it is gathered up to REFUSAL_MAX and answered as one. After the 101 there is no
 * more HTTP: the end of one side is the end of the other, after what it was sent. */
#include "net/tunnel.h"

#include <uv.h>

#include "base/config.h"
#include "base/sm.h"
#include "net/handshake.h"
#include "net/hop.h"

#define BACKLOG_MAX ((size_t)1 << 20)
#define READ_SIZE 65536
#define ROOM_MS 10
#define LINGER_MS 5000 /* for what the other side has not taken yet when the client has gone */

enum { TUNNEL_RESOLVING, TUNNEL_CONNECTING, TUNNEL_ASKING, TUNNEL_OPEN, TUNNEL_CLOSED };

struct tunnel {
    struct http_request *request; /* NULL: let go of */
    struct loop *loop;
    tunnel_fn fn;
    void *arg;
    unsigned state;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    uv_tcp_t tcp;
    struct timer timer;      /* for the answer, then for idleness, then for the end */
    struct timer room_timer; /* the client takes bytes slowly */
    struct timer end_timer;  /* what must not happen inside of others' calls */
    char *reply_headers;
    uint64_t idle_ms, moved_ms; /* the last byte either way */
    bool is_resolving;
    struct buf ask; /* the head for the other side */
    struct handshake answer;
};

struct piece {
    uv_write_t write;
    char bytes[];
};

static void tunnel_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *found);
static void tunnel_connected(uv_connect_t *connect, int status);
static void tunnel_ask(struct tunnel *tunnel);
static void tunnel_answered(struct tunnel *tunnel);
static void tunnel_open(struct tunnel *tunnel);
static void tunnel_end(struct tunnel *tunnel, enum relay_end end, enum err err, const char *why);
static void tunnel_close(struct tunnel *tunnel);

static const char *const state_names[] = {"resolving", "connecting", "asking", "open", "closed"};
static const uint32_t moves[] = {
    [TUNNEL_RESOLVING] = SM_TO(TUNNEL_CONNECTING) | SM_TO(TUNNEL_CLOSED),
    [TUNNEL_CONNECTING] = SM_TO(TUNNEL_ASKING) | SM_TO(TUNNEL_CLOSED),
    [TUNNEL_ASKING] = SM_TO(TUNNEL_OPEN) | SM_TO(TUNNEL_CLOSED),
    [TUNNEL_OPEN] = SM_TO(TUNNEL_CLOSED),
    [TUNNEL_CLOSED] = 0,
};
static const struct sm tunnel_sm = {"tunnel", state_names, moves, COUNT_OF(moves)};

static void move(struct tunnel *tunnel, unsigned state)
{
    sm_move(&tunnel_sm, &tunnel->state, state, "");
}

/* ---- the question ---- */

static bool has_token(struct slice list, struct slice token)
{
    while (list.len > 0) {
        if (slice_eq_nocase(slice_trim(slice_cut(&list, ',')), token)) {
            return true;
        }
    }
    return false;
}

bool tunnel_is_wanted(const struct http_request *request)
{
    return request->method == HTTP_GET && request->content_length <= 0 &&
           has_token(http_header(request, "connection"), SLICE("upgrade")) &&
           has_token(http_header(request, "upgrade"), SLICE("websocket"));
}

static void put_ask(struct buf *out, const struct http_request *request,
                    const struct tunnel_target *target)
{
    (void)buf_printf(out, "GET %.*s%s%.*s HTTP/1.1\r\nHost: %s\r\n", SLICE_ARG(target->path),
                     target->query.len > 0 ? "?" : "", SLICE_ARG(target->query), target->address);
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (!hop_is_own(header->name) &&
            (target->is_dropped == NULL || !target->is_dropped(header->name))) {
            (void)buf_printf(out, "%.*s: %.*s\r\n", SLICE_ARG(header->name),
                             SLICE_ARG(header->value));
        }
    }
    for (const char *const *at = target->headers; at != NULL && *at != NULL; at++) {
        (void)buf_printf(out, "%s\r\n", *at);
    }
    (void)buf_put_str(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

/* ---- start ---- */

static void fail_later(struct timer *timer)
{
    tunnel_end(container_of(timer, struct tunnel, end_timer), RELAY_UNREACHED, ERR_IO,
               "the address cannot be used");
}

static void answer_late(struct timer *timer)
{
    tunnel_end(container_of(timer, struct tunnel, timer), RELAY_UNREACHED, ERR_NO_ANSWER,
               "no answer in time");
}

static int connect_to(struct tunnel *tunnel, const struct sockaddr *address)
{
    move(tunnel, TUNNEL_CONNECTING);
    return uv_tcp_connect(&tunnel->connect, &tunnel->tcp, address, tunnel_connected);
}

/* Most addresses are numbers and need no resolver and its threads. */
static bool tunnel_reach(struct tunnel *tunnel, const char *address)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char host[256];
    int port = 0;
    struct sockaddr_storage number;
    if (config_split_host_port(address, host, sizeof(host), &port) != ERR_OK) {
        return false;
    }
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&number) == 0 ||
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&number) == 0) {
        return connect_to(tunnel, (const struct sockaddr *)&number) == 0;
    }
    AUTO_STR service = xasprintf("%d", port);
    tunnel->is_resolving = uv_getaddrinfo(loop_uv(tunnel->loop), &tunnel->resolve, tunnel_resolved,
                                          host, service, &hints) == 0;
    return tunnel->is_resolving;
}

struct tunnel *tunnel_start(struct http_request *request, const struct tunnel_target *target,
                            tunnel_fn fn, void *arg)
{
    struct tunnel *tunnel = xcalloc(1, sizeof(*tunnel));
    tunnel->request = request;
    tunnel->loop = target->loop;
    tunnel->fn = fn;
    tunnel->arg = arg;
    tunnel->idle_ms = target->idle_ms;
    tunnel->reply_headers = xstrdup(target->reply_headers);
    put_ask(&tunnel->ask, request, target);
    ensure(uv_tcp_init(loop_uv(tunnel->loop), &tunnel->tcp) == 0);
    tunnel->tcp.data = tunnel->resolve.data = tunnel->connect.data = tunnel->shutdown.data = tunnel;
    timer_start(tunnel->loop, &tunnel->timer, target->answer_ms, answer_late);
    if (!tunnel_reach(tunnel, target->address)) {
        timer_start(tunnel->loop, &tunnel->end_timer, 0, fail_later);
    }
    return tunnel;
}

static void free_if_over(struct tunnel *tunnel)
{
    if (!tunnel->is_resolving && uv_is_closing((uv_handle_t *)&tunnel->tcp) &&
        tunnel->tcp.data == NULL) {
        buf_done(&tunnel->ask);
        handshake_done(&tunnel->answer);
        free(tunnel);
    }
}

static enum err err_of(int status)
{
    return status == UV_ECONNREFUSED ? ERR_REFUSED : err_from_errno(-status);
}

static void tunnel_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *found)
{
    struct tunnel *tunnel = resolve->data;
    tunnel->is_resolving = false;
    if (tunnel->state == TUNNEL_CLOSED) {
        uv_freeaddrinfo(found);
        free_if_over(tunnel);
        return;
    }
    if (status == 0) {
        status = connect_to(tunnel, found->ai_addr);
    }
    uv_freeaddrinfo(found);
    if (status != 0) {
        tunnel_end(tunnel, RELAY_UNREACHED, ERR_REFUSED, uv_strerror(status));
    }
}

static void tunnel_connected(uv_connect_t *connect, int status)
{
    struct tunnel *tunnel = connect->data;
    if (tunnel->state == TUNNEL_CLOSED) {
        return;
    }
    if (status != 0) {
        tunnel_end(tunnel, RELAY_UNREACHED, err_of(status), uv_strerror(status));
        return;
    }
    (void)uv_tcp_nodelay(&tunnel->tcp, 1);
    move(tunnel, TUNNEL_ASKING);
    tunnel_ask(tunnel);
}

/* ---- to the other side ---- */

static void piece_written(uv_write_t *write, int status)
{
    struct tunnel *tunnel = write->handle->data;
    free(container_of(write, struct piece, write));
    if (status != 0 || tunnel->request == NULL) {
        return; /* a failed one is told by the reading side */
    }
    tunnel->moved_ms = loop_now_ms(tunnel->loop);
    if (uv_stream_get_write_queue_size((uv_stream_t *)&tunnel->tcp) <= BACKLOG_MAX / 2) {
        http_upgrade_release(tunnel->request);
    }
}

static void put_bytes(struct tunnel *tunnel, struct slice bytes)
{
    uv_stream_t *stream = (uv_stream_t *)&tunnel->tcp;
    uv_buf_t whole = {.base = (char *)(uintptr_t)bytes.ptr, .len = bytes.len};
    int gone = uv_try_write(stream, &whole, 1);
    bytes = slice_from(bytes, gone > 0 ? (size_t)gone : 0);
    if (bytes.len == 0) {
        return;
    }
    struct piece *piece = xmalloc(sizeof(*piece) + bytes.len);
    memcpy(piece->bytes, bytes.ptr, bytes.len);
    uv_buf_t rest = {.base = piece->bytes, .len = bytes.len};
    if (uv_write(&piece->write, stream, &rest, 1, piece_written) != 0) {
        free(piece);
    }
}

static void on_client_bytes(struct slice bytes, void *arg)
{
    struct tunnel *tunnel = arg;
    tunnel->moved_ms = loop_now_ms(tunnel->loop);
    put_bytes(tunnel, bytes);
    if (uv_stream_get_write_queue_size((uv_stream_t *)&tunnel->tcp) > BACKLOG_MAX) {
        http_upgrade_hold(tunnel->request);
    }
}

/* ---- from the other side ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    (void)handle;
    (void)suggested;
    *ret_buf = uv_buf_init(xmalloc(READ_SIZE), READ_SIZE); /* not one kept for each quiet tunnel */
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf);

static void read_on(struct tunnel *tunnel)
{
    (void)uv_read_start((uv_stream_t *)&tunnel->tcp, on_alloc, on_read);
}

static void look_for_room(struct timer *timer)
{
    struct tunnel *tunnel = container_of(timer, struct tunnel, room_timer);
    if (http_stream_backlog(tunnel->request) > BACKLOG_MAX / 2) {
        timer_start(tunnel->loop, timer, ROOM_MS, look_for_room);
    } else {
        read_on(tunnel);
    }
}

static void to_client(struct tunnel *tunnel, struct slice bytes)
{
    tunnel->moved_ms = loop_now_ms(tunnel->loop);
    http_stream_write(tunnel->request, bytes);
    if (http_stream_backlog(tunnel->request) > BACKLOG_MAX) {
        (void)uv_read_stop((uv_stream_t *)&tunnel->tcp);
        timer_start(tunnel->loop, &tunnel->room_timer, ROOM_MS, look_for_room);
    }
}

static void gather(struct tunnel *tunnel, struct slice bytes)
{
    struct handshake *answer = &tunnel->answer;
    enum err err = handshake_feed(answer, bytes);
    if (err != ERR_OK) {
        tunnel_end(tunnel, RELAY_UNREACHED, err == ERR_TOO_LARGE ? err : ERR_IO,
                   err == ERR_TOO_LARGE ? "the server's refusal of a WebSocket is too large"
                                        : "the server's answer is no HTTP");
    } else if (answer->has_head && handshake_header(answer, RELAY_REFUSED).len > 0) {
        tunnel_end(tunnel, RELAY_UNREACHED, ERR_OK, "refused");
    } else if (answer->is_complete) {
        tunnel_answered(tunnel);
    }
}

static void on_other_end(struct tunnel *tunnel, bool is_clean)
{
    if (tunnel->state == TUNNEL_OPEN) {
        struct http_request *request = tunnel->request;
        request->on_gone = NULL;
        if (is_clean) {
            http_stream_end(request);
        } else {
            http_stream_cut(request);
        }
        tunnel_end(tunnel, RELAY_DONE, ERR_OK, NULL);
    } else {
        tunnel_end(tunnel, RELAY_UNREACHED, ERR_GONE, "the server closed the connection");
    }
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct tunnel *tunnel = stream->data;
    if (count > 0 && tunnel->state == TUNNEL_OPEN) {
        to_client(tunnel, (struct slice){buf->base, (size_t)count});
    } else if (count > 0) {
        gather(tunnel, (struct slice){buf->base, (size_t)count});
    } else if (count < 0) {
        on_other_end(tunnel, count == UV_EOF);
    }
    free(buf->base);
}

static void tunnel_ask(struct tunnel *tunnel)
{
    put_bytes(tunnel, buf_slice(&tunnel->ask));
    buf_done(&tunnel->ask);
    read_on(tunnel);
}

/* ---- the answer ---- */

/* The other side does not want a WebSocket. */
static void pass_refusal(struct tunnel *tunnel)
{
    AUTO(buf_done) struct buf headers = BUF_INIT;
    struct slice head = buf_slice(&tunnel->answer.head);
    AUTO_STR type = slice_dup(hop_reply_type(head, "text/plain"));
    hop_put_reply_headers(&headers, head);
    (void)buf_put_str(&headers, tunnel->reply_headers);
    tunnel->request->on_gone = NULL;
    http_reply(tunnel->request, &(struct http_answer){.status = tunnel->answer.status,
                                                      .content_type = type,
                                                      .headers = buf_slice(&headers),
                                                      .body = buf_slice(&tunnel->answer.body)});
    tunnel_end(tunnel, RELAY_DONE, ERR_OK, NULL);
}

static void tunnel_answered(struct tunnel *tunnel)
{
    if (tunnel->answer.status == 101) {
        tunnel_open(tunnel);
    } else {
        pass_refusal(tunnel);
    }
}

/* ---- open ---- */

static void on_idle(struct timer *timer)
{
    struct tunnel *tunnel = container_of(timer, struct tunnel, timer);
    uint64_t quiet_ms = loop_now_ms(tunnel->loop) - tunnel->moved_ms;
    if (quiet_ms >= tunnel->idle_ms) {
        tunnel_cut(tunnel);
    } else {
        timer_start(tunnel->loop, timer, tunnel->idle_ms - quiet_ms, on_idle);
    }
}

static void tunnel_open(struct tunnel *tunnel)
{
    AUTO(buf_done) struct buf headers = BUF_INIT;
    move(tunnel, TUNNEL_OPEN);
    hop_put_reply_headers(&headers, buf_slice(&tunnel->answer.head));
    (void)buf_printf(&headers, "%sUpgrade: websocket\r\n", tunnel->reply_headers);
    http_upgrade(tunnel->request, buf_slice(&headers), on_client_bytes, tunnel);
    http_forget(tunnel->request);
    tunnel->moved_ms = loop_now_ms(tunnel->loop);
    timer_start(tunnel->loop, &tunnel->timer, tunnel->idle_ms, on_idle);
    if (tunnel->answer.body.len > 0) {
        to_client(tunnel, buf_slice(&tunnel->answer.body));
    }
    handshake_done(&tunnel->answer);
}

/* ---- the end ---- */

static void tunnel_end(struct tunnel *tunnel, enum relay_end end, enum err err, const char *why)
{
    tunnel_fn fn = tunnel->fn;
    void *arg = tunnel->arg;
    tunnel_cancel(tunnel);
    fn(arg, end, err, why);
}

void tunnel_cancel(struct tunnel *tunnel)
{
    if (tunnel != NULL) {
        ensure(tunnel->state != TUNNEL_CLOSED);
        tunnel->request = NULL;
        tunnel_close(tunnel);
    }
}

void tunnel_cut(struct tunnel *tunnel)
{
    struct http_request *request = tunnel->request;
    if (tunnel->state == TUNNEL_OPEN) {
        request->on_gone = NULL;
        http_stream_end(request);
        tunnel_end(tunnel, RELAY_DONE, ERR_OK, NULL);
    } else {
        tunnel_end(tunnel, RELAY_UNREACHED, ERR_CLOSING, "the worker is stopping");
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct tunnel *tunnel = handle->data;
    handle->data = NULL;
    free_if_over(tunnel);
}

static void close_now(struct tunnel *tunnel)
{
    timer_stop(&tunnel->timer);
    if (!uv_is_closing((uv_handle_t *)&tunnel->tcp)) {
        uv_close((uv_handle_t *)&tunnel->tcp, on_closed);
    }
}

static void linger_over(struct timer *timer)
{
    close_now(container_of(timer, struct tunnel, timer));
}

static void on_shut_down(uv_shutdown_t *shutdown, int status)
{
    (void)status;
    close_now(shutdown->data);
}

/* What the client has sent still goes out, if the other side takes it soon. */
static void tunnel_close(struct tunnel *tunnel)
{
    uv_stream_t *stream = (uv_stream_t *)&tunnel->tcp;
    bool has_more = tunnel->state == TUNNEL_OPEN && uv_stream_get_write_queue_size(stream) > 0;
    move(tunnel, TUNNEL_CLOSED);
    timer_stop(&tunnel->room_timer);
    timer_stop(&tunnel->end_timer);
    free(steal(tunnel->reply_headers));
    if (tunnel->is_resolving) {
        (void)uv_cancel((uv_req_t *)&tunnel->resolve);
    }
    (void)uv_read_stop(stream);
    if (has_more && uv_shutdown(&tunnel->shutdown, stream, on_shut_down) == 0) {
        timer_start(tunnel->loop, &tunnel->timer, LINGER_MS, linger_over);
    } else {
        close_now(tunnel);
    }
}
