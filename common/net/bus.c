/* nng on the loop.
 *
 * Publishing: frames for one address gather during a loop turn and leave as one message at its end
 * (length-prefixed frames), because a message costs nng several thread hand-offs however small it
 * is. While the connection is being made they wait, bounded; nng itself would drop them.
 * Receiving: the socket's pollable descriptor is watched by the loop and drained without blocking.
 * The only code on nng's threads is on_pipe: an atomic store and uv_async_send. */
#include "net/bus.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"

#define BUFFERED_MESSAGES \
    8192 /* what keeps bursts from being lost, see nng's defaults of 16, 128 */
#define MESSAGE_MAX (4u << 20)
#define PENDING_MAX (1u << 20) /* bytes waiting for one address */
#define PENDING_MS 2000        /* older ones are worth nothing: the reader's timer has fired */
#define IDLE_MS 60000
#define LENGTH_SIZE 4

/* An address that frames go to. Stays for the life of the bus, its socket comes and goes. */
struct peer {
    struct map_node node;
    struct list dirty_link;
    struct bus *bus;
    char *address;
    nng_socket socket;
    bool is_open;
    atomic_int pipe; /* id of the connection, 0: none; set on nng's threads */
    struct buf out;
    uint64_t used_ms;
};

struct bus {
    struct loop *loop;
    uv_async_t *async;
    struct loop_hook hook;
    struct timer timer;
    struct map peers;
    struct list dirty; /* peers with bytes in `out` */
    nng_socket sub;
    uv_poll_t *poll; /* NULL: not listening */
    bus_fn fn;
    void *arg;
};

/* ---- publishing ---- */

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct peer *peer = arg;
    int id = nng_pipe_id(pipe);
    if (event == NNG_PIPE_EV_ADD_POST) {
        atomic_store(&peer->pipe, id);
        (void)uv_async_send(peer->bus->async);
    } else {
        (void)atomic_compare_exchange_strong(&peer->pipe, &id, 0);
    }
}

static enum err from_nng(int code)
{
    return code == 0                ? ERR_OK
           : code == NNG_EADDRINUSE ? ERR_IN_USE
           : code == NNG_EPERM      ? ERR_NO_PERMISSION
                                    : ERR_IO;
}

static enum err peer_open(struct peer *peer)
{
    char url[300];
    (void)snprintf(url, sizeof(url), "tcp://%s", peer->address);
    int code = nng_pub0_open(&peer->socket);
    if (code != 0) {
        return from_nng(code);
    }
    (void)nng_socket_set_int(peer->socket, NNG_OPT_SENDBUF, BUFFERED_MESSAGES);
    (void)nng_socket_set_ms(peer->socket, NNG_OPT_RECONNMINT, 20);
    (void)nng_socket_set_ms(peer->socket, NNG_OPT_RECONNMAXT, 1000);
    (void)nng_socket_set_bool(peer->socket, NNG_OPT_TCP_NODELAY, true);
    (void)nng_pipe_notify(peer->socket, NNG_PIPE_EV_ADD_POST, on_pipe, peer);
    (void)nng_pipe_notify(peer->socket, NNG_PIPE_EV_REM_POST, on_pipe, peer);
    code = nng_dial(peer->socket, url, NULL, NNG_FLAG_NONBLOCK);
    if (code != 0) {
        (void)nng_close(peer->socket);
        log_debug("bus.dial", "address=%s error=%s", log_quote(slice_of(peer->address)),
                  log_quote(slice_of(nng_strerror(code))));
        return from_nng(code);
    }
    peer->is_open = true;
    return ERR_OK;
}

static void peer_close(struct peer *peer)
{
    if (peer->is_open) {
        (void)nng_close(peer->socket);
        peer->is_open = false;
    }
    atomic_store(&peer->pipe, 0);
    list_unlink(&peer->dirty_link);
    buf_done(&peer->out);
}

static struct peer *peer_get(struct bus *bus, struct slice address)
{
    struct map_node *node = map_get(&bus->peers, address);
    struct peer *peer = node != NULL ? container_of(node, struct peer, node) : NULL;
    if (peer == NULL) {
        peer = xcalloc(1, sizeof(*peer));
        peer->bus = bus;
        peer->address = slice_dup(address);
        list_init(&peer->dirty_link);
        buf_init(&peer->out, PENDING_MAX);
        map_put(&bus->peers, &peer->node, slice_of(peer->address));
    }
    if (!peer->is_open && peer_open(peer) != ERR_OK) {
        return NULL;
    }
    peer->used_ms = loop_now_ms(bus->loop);
    return peer;
}

static void peer_put(struct peer *peer, struct slice frame)
{
    unsigned char length[LENGTH_SIZE];
    for (int i = 0; i < LENGTH_SIZE; i++) {
        length[i] = (unsigned char)(frame.len >> (8 * i));
    }
    size_t before = peer->out.len;
    if (buf_put(&peer->out, length, sizeof(length)) != ERR_OK ||
        buf_put_slice(&peer->out, frame) != ERR_OK) {
        peer->out.len = before; /* full: this one is lost, as the contract allows */
        return;
    }
    if (!list_is_linked(&peer->dirty_link)) {
        list_push(&peer->bus->dirty, &peer->dirty_link);
    }
}

static void peer_flush(struct peer *peer)
{
    nng_msg *message = NULL;
    if (nng_msg_alloc(&message, 0) == 0 &&
        nng_msg_append(message, peer->out.ptr, peer->out.len) == 0 &&
        nng_sendmsg(peer->socket, message, NNG_FLAG_NONBLOCK) == 0) {
        message = NULL;
    }
    if (message != NULL) {
        nng_msg_free(message);
    }
    buf_clear(&peer->out);
}

static void on_turn_end(struct loop_hook *hook)
{
    struct bus *bus = container_of(hook, struct bus, hook);
    uint64_t now_ms = loop_now_ms(bus->loop);
    list_each_safe (at, &bus->dirty) {
        struct peer *peer = container_of(at, struct peer, dirty_link);
        if (atomic_load(&peer->pipe) != 0) {
            list_unlink(&peer->dirty_link);
            peer_flush(peer);
        } else if (now_ms - peer->used_ms > PENDING_MS) {
            list_unlink(&peer->dirty_link);
            buf_clear(&peer->out);
        }
    }
}

static void on_async(uv_async_t *async)
{
    (void)async; /* the turn it makes ends with on_turn_end */
}

static void on_idle_check(struct timer *timer)
{
    struct bus *bus = container_of(timer, struct bus, timer);
    uint64_t now_ms = loop_now_ms(bus->loop);
    struct map_node *node = NULL;
    while ((node = map_next(&bus->peers, node)) != NULL) {
        struct peer *peer = container_of(node, struct peer, node);
        if (peer->is_open && now_ms - peer->used_ms > IDLE_MS) {
            peer_close(peer);
        }
    }
    timer_start(bus->loop, timer, IDLE_MS, on_idle_check);
}

/* The next of the addresses without its mark. */
static struct slice cut_address(struct slice *addresses, bool *ret_is_close)
{
    struct slice address = slice_cut(addresses, ' ');
    *ret_is_close = address.len > 0 && address.ptr[address.len - 1] == BUS_CLOSE_MARK;
    address.len -= *ret_is_close ? 1 : 0;
    return address;
}

void bus_publish(struct bus *bus, struct slice addresses, const struct bus_frame *frame)
{
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    buf_init(&bytes, PENDING_MAX);
    if (addresses.len == 0 || bus_encode(frame, &bytes) != ERR_OK) {
        return;
    }
    while (addresses.len > 0) {
        bool is_close;
        struct slice address = cut_address(&addresses, &is_close);
        bool is_wanted = address.len > 0 && (is_close || frame->kind != BUS_CHUNKS);
        struct peer *peer = is_wanted ? peer_get(bus, address) : NULL;
        if (peer != NULL) {
            peer_put(peer, buf_slice(&bytes));
        }
    }
}

/* ---- receiving ---- */

static void deliver(struct bus *bus, struct slice message)
{
    while (message.len >= LENGTH_SIZE) {
        size_t len = 0;
        for (int i = 0; i < LENGTH_SIZE; i++) {
            len |= (size_t)(unsigned char)message.ptr[i] << (8 * i);
        }
        message = slice_from(message, LENGTH_SIZE);
        struct bus_frame frame;
        if (len > message.len || bus_decode((struct slice){message.ptr, len}, &frame) != ERR_OK) {
            log_debug("bus.garbage", "bytes=%zu", message.len);
            return;
        }
        bus->fn(&frame, bus->arg);
        message = slice_from(message, len);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct bus *bus = poll->data;
    nng_msg *message = NULL;
    while (nng_recvmsg(bus->sub, &message, NNG_FLAG_NONBLOCK) == 0) {
        deliver(bus, (struct slice){nng_msg_body(message), nng_msg_len(message)});
        nng_msg_free(message);
    }
}

static enum err listen_start(struct bus *bus, const char *url, int *ret_port)
{
    nng_listener listener;
    int fd = -1;
    int code = nng_sub0_open(&bus->sub);
    if (code != 0) {
        return from_nng(code);
    }
    (void)nng_socket_set_int(bus->sub, NNG_OPT_RECVBUF, BUFFERED_MESSAGES);
    (void)nng_socket_set_size(bus->sub, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
    (void)nng_socket_set(bus->sub, NNG_OPT_SUB_SUBSCRIBE, "", 0);
    code = nng_listener_create(&listener, bus->sub, url);
    if (code == 0) {
        (void)nng_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true);
        code = nng_listener_start(listener, 0);
    }
    if (code == 0) {
        code = nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, ret_port);
    }
    if (code == 0) {
        code = nng_socket_get_int(bus->sub, NNG_OPT_RECVFD, &fd);
    }
    if (code != 0) {
        (void)nng_close(bus->sub);
        return from_nng(code);
    }
    bus->poll = xcalloc(1, sizeof(*bus->poll));
    bus->poll->data = bus;
    ensure(uv_poll_init(loop_uv(bus->loop), bus->poll, fd) == 0);
    (void)uv_poll_start(bus->poll, UV_READABLE, on_readable);
    return ERR_OK;
}

enum err bus_listen(struct bus *bus, const char *url, char *ret_address, size_t size, bus_fn fn,
                    void *arg)
{
    ensure(bus->poll == NULL);
    struct slice rest = slice_of(url);
    if (!slice_starts(rest, SLICE("tcp://"))) {
        return ERR_BAD_REQUEST;
    }
    rest = slice_from(rest, 6);
    const char *colon = rest.len ? memrchr(rest.ptr, ':', rest.len) : NULL;
    if (colon == NULL) {
        return ERR_BAD_REQUEST;
    }
    struct slice host = {rest.ptr, (size_t)(colon - rest.ptr)};
    char name[256] = "";
    if (slice_is(host, "0.0.0.0") || slice_is(host, "[::]") || host.len == 0) {
        (void)gethostname(name, sizeof(name) - 1); /* how others reach a wildcard */
        host = slice_of(name);
    }
    int port = 0;
    enum err err = listen_start(bus, url, &port);
    if (err == ERR_OK) {
        bus->fn = fn;
        bus->arg = arg;
        (void)snprintf(ret_address, size, "%.*s:%d", SLICE_ARG(host), port);
    }
    return err;
}

/* ---- life ---- */

struct bus *bus_new(struct loop *loop)
{
    struct bus *bus = xcalloc(1, sizeof(*bus));
    bus->loop = loop;
    map_init(&bus->peers);
    list_init(&bus->dirty);
    bus->async = xcalloc(1, sizeof(*bus->async));
    ensure(uv_async_init(loop_uv(loop), bus->async, on_async) == 0);
    loop_hook_add(loop, &bus->hook, on_turn_end);
    timer_start(loop, &bus->timer, IDLE_MS, on_idle_check);
    return bus;
}

static void on_handle_closed(uv_handle_t *handle)
{
    free(handle);
}

void bus_close(struct bus *bus)
{
    if (bus == NULL) {
        return;
    }
    loop_hook_remove(bus->loop, &bus->hook);
    timer_stop(&bus->timer);
    struct map_node *node;
    while ((node = map_next(&bus->peers, NULL)) != NULL) {
        struct peer *peer = container_of(node, struct peer, node);
        map_del(&bus->peers, node);
        peer_close(peer);
        free(peer->address);
        free(peer);
    }
    map_done(&bus->peers);
    if (bus->poll != NULL) {
        (void)uv_poll_stop(bus->poll);
        uv_close((uv_handle_t *)bus->poll, on_handle_closed);
        (void)nng_close(bus->sub);
    }
    uv_close((uv_handle_t *)bus->async, on_handle_closed);
    free(bus);
}
