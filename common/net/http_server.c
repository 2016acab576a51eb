/* The server: listening sockets, the cap on connections, the end.
 *
 *   new -> listen/adopt -> (drain -> on_drained) -> close -> freed by the loop
 *
 * At the cap a connection that libuv has already taken from the kernel stays in its listener, which
 * stops libuv from accepting more; the next one that closes lets it in. Draining closes the
 * listeners, gives idle keep-alive connections a short grace in which a request that is already on
 * its way is still answered, and then waits for all answers. */
#include "net/http_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEEPALIVE_SECONDS 60
#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

struct http_listener {
    uv_tcp_t tcp;
    struct http_server *server;
    struct list link;
    bool has_waiting; /* a connection waits in libuv because of the cap */
};

static void flush_dirty(struct loop_hook *hook);

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value ? value : otherwise;
}

static struct http_config with_defaults(const struct http_config *given)
{
    struct http_config config = given ? *given : (struct http_config){0};
    config.head_ms = or_default(config.head_ms, 10000);
    config.body_ms = or_default(config.body_ms, 30000);
    config.body_rate = or_default(config.body_rate, 65536);
    config.idle_ms = or_default(config.idle_ms, 90000);
    config.write_ms = or_default(config.write_ms, 60000);
    config.connections_max = or_default(config.connections_max, 20000);
    config.content_type = config.content_type ? config.content_type : "application/json";
    return config;
}

struct http_server *http_server_new(struct loop *loop, const struct http_config *config,
                                    const struct http_handlers *handlers, void *arg)
{
    ensure(handlers->on_head != NULL && handlers->on_request != NULL);
    struct http_server *server = xcalloc(1, sizeof(*server));
    server->loop = loop;
    server->config = with_defaults(config);
    server->handlers = *handlers;
    server->arg = arg;
    list_init(&server->listeners);
    list_init(&server->conns);
    list_init(&server->dirty);
    loop_hook_add(loop, &server->hook, flush_dirty);
    return server;
}

size_t http_server_connections(const struct http_server *server)
{
    return server->conn_count;
}

bool http_server_has_connection(const struct http_server *server, uint64_t number)
{
    list_each (at, &server->conns) {
        const struct http_conn *conn = container_of(at, struct http_conn, link);
        if (conn->number == number) {
            return conn->state != HTTP_CLOSED && !conn->is_eof;
        }
    }
    return false;
}

/* --- listening --- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct http_listener *listener = stream->data;
    struct http_server *server = listener->server;
    if (status != 0) {
        return; /* out of descriptors: libuv tries again */
    }
    if (server->conn_count >= server->config.connections_max) {
        listener->has_waiting = true;
        return;
    }
    http_conn_open(server, stream);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct http_listener *listener = handle->data;
    struct http_server *server = listener->server;
    list_unlink(&listener->link);
    free(listener);
    http_server_conn_closed(server);
}

/* Consumes fd. */
static enum err listen_on(struct http_server *server, int fd)
{
    struct http_listener *listener = xcalloc(1, sizeof(*listener));
    listener->server = server;
    ensure(uv_tcp_init(loop_uv(server->loop), &listener->tcp) == 0);
    listener->tcp.data = listener;
    list_init(&listener->link);
    list_push(&server->listeners, &listener->link);
    int result = uv_tcp_open(&listener->tcp, fd);
    if (result != 0) {
        (void)close(fd);
    } else {
        /* Connections inherit both: no call for each. A parked peer whose machine has died is found
         * by the kernel's probes. */
        (void)uv_tcp_nodelay(&listener->tcp, 1);
        (void)uv_tcp_keepalive(&listener->tcp, 1, KEEPALIVE_SECONDS);
        result = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
    }
    if (result != 0) {
        uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
    }
    return result ? err_from_errno(-result) : ERR_OK;
}

static enum err open_socket(const struct addrinfo *address, bool is_shared, int *ret_fd)
{
    static const int on = 1;
    const int shared = is_shared ? 1 : 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof(shared)) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0) {
        enum err err = err_from_errno(errno);
        (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return ERR_OK;
}

static int port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    (void)getsockname(fd, (struct sockaddr *)&address, &len);
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

enum err http_server_listen(struct http_server *server, const char *host, int port, int *ret_port)
{
    char service[16];
    (void)snprintf(service, sizeof(service), "%d", port);
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        return ERR_BAD_REQUEST;
    }
    int fd = -1;
    enum err err = open_socket(found, server->config.shares_port, &fd);
    freeaddrinfo(found);
    if (err != ERR_OK) {
        return err;
    }
    int bound_port = port_of(fd);
    err = listen_on(server, fd);
    if (err == ERR_OK && ret_port != NULL) {
        *ret_port = bound_port;
    }
    return err;
}

enum err http_server_adopt(struct http_server *server, int fd)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return own < 0 ? err_from_errno(errno) : listen_on(server, own);
}

static void close_listeners(struct http_server *server)
{
    list_each (at, &server->listeners) {
        struct http_listener *listener = container_of(at, struct http_listener, link);
        listener->has_waiting = false;
        if (!uv_is_closing((uv_handle_t *)&listener->tcp)) {
            uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
        }
    }
}

/* --- streams leave at the end of the turn --- */

static void wake_up(struct timer *timer)
{
    (void)timer; /* the turn it has brought about ends with the hook */
}

static void flush_dirty(struct loop_hook *hook)
{
    struct http_server *server = container_of(hook, struct http_server, hook);
    if (list_is_empty(&server->dirty)) {
        return;
    }
    struct list now;
    list_init(&now);
    list_splice(&now, &server->dirty);
    for (struct list *at = list_pop(&now); at != NULL; at = list_pop(&now)) {
        http_write_flush(container_of(at, struct http_conn, out_link));
    }
    /* Owners who were told of room have written again: that is for the next turn, or a fast peer
     * would keep this one for ever. */
    if (!list_is_empty(&server->dirty)) {
        timer_start(server->loop, &server->flush_timer, 0, wake_up);
    }
}

/* --- the end --- */

static void tell_drained(struct timer *timer)
{
    struct http_server *server = container_of(timer, struct http_server, drained_timer);
    server->on_drained(server->drained_arg);
}

static void check_drained(struct http_server *server)
{
    if (server->is_draining && server->conn_count == 0 && server->on_drained != NULL &&
        !server->is_drained) {
        server->is_drained = true;
        timer_start(server->loop, &server->drained_timer, 0, tell_drained);
    }
}

void http_server_drain(struct http_server *server, void (*on_drained)(void *arg), void *arg)
{
    ensure(!server->is_draining && on_drained != NULL);
    server->is_draining = true;
    server->on_drained = on_drained;
    server->drained_arg = arg;
    close_listeners(server);
    list_each (at, &server->conns) {
        struct http_conn *conn = container_of(at, struct http_conn, link);
        if (conn->state == HTTP_IDLE || conn->state == HTTP_LINGER) {
            http_conn_deadline(conn, HTTP_DRAIN_GRACE_MS);
        } else if (conn->state == HTTP_READ_HEAD) {
            http_conn_deadline(conn, HTTP_DRAIN_HEAD_MS);
        }
    }
    check_drained(server);
}

static void let_waiting_in(struct http_server *server)
{
    list_each (at, &server->listeners) {
        struct http_listener *listener = container_of(at, struct http_listener, link);
        if (listener->has_waiting && server->conn_count < server->config.connections_max) {
            listener->has_waiting = false;
            http_conn_open(server, (uv_stream_t *)&listener->tcp);
        }
    }
}

static void free_if_over(struct http_server *server)
{
    if (server->is_closing && server->conn_count == 0 && list_is_empty(&server->listeners)) {
        while (server->spare_count > 0) {
            struct http_memory *spare = &server->spares[--server->spare_count];
            http_parse_done(&spare->parse);
            buf_done(&spare->body);
        }
        buf_done(&server->scratch);
        free(server);
    }
}

void http_server_conn_closed(struct http_server *server)
{
    let_waiting_in(server);
    check_drained(server);
    free_if_over(server);
}

void http_server_close(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    ensure(!server->is_closing);
    server->is_closing = true;
    close_listeners(server);
    loop_hook_remove(server->loop, &server->hook);
    list_each (at, &server->conns) {
        http_conn_lose(container_of(at, struct http_conn, link));
    }
    timer_stop(&server->flush_timer);
    timer_stop(&server->drained_timer);
    server->is_drained = true; /* nobody is told any more */
    free_if_over(server);
}
