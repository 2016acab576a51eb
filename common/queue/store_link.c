/* The connection on the loop.
 *
 * Of hiredis it takes connecting, TLS, the output buffer and the reader. Not its asynchronous
 * context, which keeps a callback of its own for each command: replies come in the order of the
 * commands, so one callback serves all. Commands gather in the output, and one flush at the end of
 * the loop turn writes them. The descriptor is polled for writing only while connecting and while
 * the kernel takes no more.
 * States: away (timer runs) -> connecting -> greeting -> ready; each failure leads back to away. */
#include "queue/store_link.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/id.h"
#include "base/log.h"
#include "queue/store_objects.h"
#include "queue/store_tls.h"

#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS 2000
#define CONNECT_MS 5000          /* to connect and to be greeted */
#define BACKLOG_MAX (256 * 1024) /* what a socket takes at once */
#define READ_BYTES ((size_t)64 << 10)
/* The reader moves what it has not parsed to the front after each kilobyte: it is given little. */
#define FEED_BYTES ((size_t)4 << 10)

enum link_state { LINK_AWAY, LINK_CONNECTING, LINK_GREETING, LINK_READY };

/* Lives as long as libuv may still touch it; `link` is NULL once the link has let go. */
struct conn {
    uv_poll_t poll;
    struct store_link *link;
    redisContext *context;
    struct ssl_st *tls;            /* borrowed from context, NULL without */
    struct store_objects *objects; /* of the replies */
    int events;                    /* what poll waits for now */
    bool is_busy;                  /* ends when its event has been handled, not before */
};

struct store_link {
    struct store_link_config config;
    struct store_address address;
    bool has_address;
    struct store_link_owner owner;
    enum link_state state;
    struct conn *conn;  /* NULL while away */
    struct timer timer; /* away: next try; connecting, greeting: give up */
    uint64_t retry_ms;
    int greetings_left;
    char problem[256];
};

static void link_connect(struct store_link *link);
static void link_fail(struct store_link *link, const char *why);
static void link_greet(struct store_link *link);
static void link_greeted(struct store_link *link, const redisReply *reply);
static void on_socket(uv_poll_t *poll, int status, int events);

/* ---- the connection ---- */

static void conn_watch(struct conn *conn, int events)
{
    if (events != conn->events) {
        conn->events = events;
        (void)uv_poll_start(&conn->poll, events, on_socket);
    }
}

static void on_conn_closed(uv_handle_t *handle)
{
    free(container_of((uv_poll_t *)handle, struct conn, poll));
}

static void conn_end(struct conn *conn)
{
    (void)uv_poll_stop(&conn->poll);
    uv_close((uv_handle_t *)&conn->poll, on_conn_closed);
    redisFree(conn->context); /* closes the socket */
    store_objects_free(conn->objects);
}

static void link_let_go(struct store_link *link)
{
    struct conn *conn = steal(link->conn);
    if (conn != NULL) {
        conn->link = NULL;
        if (!conn->is_busy) {
            conn_end(conn);
        }
    }
}

static void conn_connected(struct conn *conn)
{
    int problem = 0;
    socklen_t size = sizeof(problem);
    if (getsockopt(conn->context->fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) {
        problem = errno;
    }
    if (problem != 0) {
        link_fail(conn->link, strerror(problem));
    } else {
        conn_watch(conn, UV_READABLE);
        link_greet(conn->link);
    }
}

/* Writes what the socket takes. TLS may have to read before it can write. */
static void conn_write(struct conn *conn)
{
    int is_all = 0;
    if (redisBufferWrite(conn->context, &is_all) != REDIS_OK) {
        link_fail(conn->link, conn->context->errstr);
        return;
    }
    bool waits = is_all == 0 && !store_tls_wants_read(conn->tls);
    conn_watch(conn, waits ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

/* How many bytes have come, 0 for none now; below 0 when the connection has ended, *ret_why says
 * how. */
static ssize_t conn_receive(struct conn *conn, char *bytes, const char **ret_why)
{
    redisContext *context = conn->context;
#if HIREDIS_MAJOR >= 1
    *ret_why = context->errstr;
    return context->funcs->read(context, bytes, READ_BYTES);
#else
    ssize_t got = read(context->fd, bytes, READ_BYTES);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    *ret_why = got < 0 ? strerror(errno) : "Server closed the connection";
    return got > 0 ? got : -1;
#endif
}

/* Hands out all replies that are complete. */
static void conn_deliver(struct conn *conn)
{
    redisReader *reader = conn->context->reader;
    while (conn->link != NULL) {
        void *reply = NULL;
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            link_fail(conn->link, reader->errstr);
            return;
        }
        if (reply == NULL) {
            return;
        }
        struct store_link *link = conn->link;
        if (link->state == LINK_READY) {
            link->owner.on_reply(reply, link->owner.arg);
        } else {
            link_greeted(link, reply);
        }
        reader->fn->freeObject(reply);
    }
}

static void conn_read(struct conn *conn)
{
    char bytes[READ_BYTES];
    const char *why = NULL;
    ssize_t got = conn_receive(conn, bytes, &why);
    if (got < 0) {
        link_fail(conn->link, why);
        return;
    }
    for (size_t at = 0; at < (size_t)got && conn->link != NULL; at += FEED_BYTES) {
        size_t left = (size_t)got - at;
        (void)redisReaderFeed(conn->context->reader, bytes + at,
                              left < FEED_BYTES ? left : FEED_BYTES);
        conn_deliver(conn);
    }
}

static void conn_handle(struct conn *conn, int events)
{
    if (conn->link->state == LINK_CONNECTING) {
        conn_connected(conn);
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        conn_write(conn);
    }
    if (conn->link != NULL && (events & UV_READABLE) != 0) {
        conn_read(conn);
    }
    if (conn->link != NULL) {
        store_link_flush(conn->link); /* what waited for TLS to read */
    }
}

/* libuv stops to poll a socket that has an error: what it is shows when the socket is used. */
static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct conn *conn = container_of(poll, struct conn, poll);
    conn->is_busy = true;
    if (status < 0) {
        conn->events = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    conn_handle(conn, events);
    conn->is_busy = false;
    if (conn->link == NULL) {
        conn_end(conn);
    }
}

/* ---- life ---- */

static void on_retry(struct timer *timer)
{
    link_connect(container_of(timer, struct store_link, timer));
}

static void link_problem_set(struct store_link *link, const char *why)
{
    (void)snprintf(link->problem, sizeof(link->problem), "%s", why);
}

static void link_rest(struct store_link *link)
{
    bool was_ready = link->state == LINK_READY;
    link->state = LINK_AWAY;
    link->retry_ms = was_ready ? RETRY_FIRST_MS : link->retry_ms * 2;
    link->retry_ms = link->retry_ms > RETRY_MAX_MS ? RETRY_MAX_MS : link->retry_ms;
    unsigned char dice;
    id_random(&dice, sizeof(dice));
    timer_start(link->config.loop, &link->timer, link->retry_ms * (192U + dice / 2U) / 256U,
                on_retry);
    if (was_ready) {
        link->owner.on_lost(link->owner.arg);
    } else if (link->owner.on_failed != NULL) {
        link->owner.on_failed(link->owner.arg);
    }
}

/* Waits for the next try. why may live in the connection that ends. */
static void link_fail(struct store_link *link, const char *why)
{
    link_problem_set(link, why);
    link_let_go(link);
    link_rest(link);
}

static void on_give_up(struct timer *timer)
{
    link_fail(container_of(timer, struct store_link, timer), "no answer while connecting");
}

/* Redis repeats the arguments of commands it does not know. */
static const char *greeting_problem(const struct store_link *link, const redisReply *reply)
{
    const struct store_url *url = link->config.url;
    const char *secrets[] = {url->password, url->sentinel_password};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        if (secrets[i] != NULL && strstr(reply->str, secrets[i]) != NULL) {
            return "the password was refused (AUTH)";
        }
    }
    return reply->str;
}

/* {"master", ...}: the answer to ROLE, the only greeting that is answered with an array. */
static bool is_other_role(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY &&
           (reply->elements == 0 || reply->element[0]->type != REDIS_REPLY_STRING ||
            strcmp(reply->element[0]->str, "master") != 0);
}

static void link_greeted(struct store_link *link, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        link_fail(link, greeting_problem(link, reply));
        return;
    }
    if (is_other_role(reply)) {
        link_fail(link, "it is not a master");
        return;
    }
    link->greetings_left--;
    if (link->greetings_left == 0) {
        timer_stop(&link->timer);
        link->state = LINK_READY;
        link->retry_ms = RETRY_FIRST_MS / 2;
        link->owner.on_ready(link->owner.arg);
    }
}

static void greet(struct store_link *link, const char *const *words, int count)
{
    link->greetings_left++;
    (void)redisAppendCommandArgv(link->conn->context, count, (const char **)(uintptr_t)words, NULL);
}

static void link_log_in(struct store_link *link, const char *user, const char *password)
{
    if (password != NULL && user != NULL) {
        greet(link, (const char *const[]){"AUTH", user, password}, 3);
    } else if (password != NULL) {
        greet(link, (const char *const[]){"AUTH", password}, 2);
    }
}

static void link_greet(struct store_link *link)
{
    const struct store_url *url = link->config.url;
    bool is_sentinel = link->config.peer == LINK_SENTINEL;
    link->state = LINK_GREETING;
    link->greetings_left = 0;
    link_log_in(link, is_sentinel ? url->sentinel_user : url->user,
                is_sentinel ? url->sentinel_password : url->password);
    if (url->db != 0 && !is_sentinel) {
        char db[24];
        (void)snprintf(db, sizeof(db), "%lld", (long long)url->db);
        greet(link, (const char *const[]){"SELECT", db}, 2);
    }
    if (link->config.peer == LINK_MASTER) {
        greet(link, (const char *const[]){"ROLE"}, 1);
    }
    greet(link, (const char *const[]){"PING"}, 1); /* answers an error while Redis is loading */
    store_link_flush(link);
}

static enum err link_begin(struct store_link *link, struct conn *conn)
{
    redisContext *context = conn->context;
    if (context->err != 0) {
        link_problem_set(link, context->errstr);
        return ERR_IO;
    }
    if (link->config.tls != NULL &&
        store_tls_begin(link->config.tls, context, link->address.host, &conn->tls) != ERR_OK) {
        link_problem_set(link, context->err != 0 ? context->errstr : "TLS cannot begin");
        return ERR_IO;
    }
    if (uv_poll_init(loop_uv(link->config.loop), &conn->poll, context->fd) != 0) {
        link_problem_set(link, "cannot watch the socket");
        return ERR_IO;
    }
    return ERR_OK;
}

static void link_connect(struct store_link *link)
{
    const struct store_address *address = &link->address;
    struct conn *conn = xcalloc(1, sizeof(*conn));
    link->state = LINK_CONNECTING;
    conn->context = address->port == 0 ? redisConnectUnixNonBlock(address->host)
                                       : redisConnectNonBlock(address->host, address->port);
    ensure(conn->context != NULL);
    if (link_begin(link, conn) != ERR_OK) {
        redisFree(conn->context);
        free(conn);
        link_rest(link);
        return;
    }
    conn->link = link;
    conn->objects = store_objects_new(conn->context->reader);
    link->conn = conn;
    conn_watch(conn, UV_WRITABLE);
    timer_start(link->config.loop, &link->timer, CONNECT_MS, on_give_up);
}

/* ---- for the owner ---- */

struct store_link *store_link_new(const struct store_link_config *config,
                                  const struct store_address *address,
                                  const struct store_link_owner *owner)
{
    struct store_link *link = xcalloc(1, sizeof(*link));
    link->config = *config;
    link->owner = *owner;
    link->retry_ms = RETRY_FIRST_MS / 2;
    link_problem_set(link, "not connected yet");
    if (address != NULL) {
        store_link_aim(link, address);
    }
    return link;
}

void store_link_aim(struct store_link *link, const struct store_address *address)
{
    if (link->has_address && store_address_eq(&link->address, address)) {
        return;
    }
    bool is_first = !link->has_address;
    link->address = *address;
    link->has_address = true;
    if (is_first) {
        timer_start(link->config.loop, &link->timer, 0, on_retry);
    } else {
        store_link_break(link, "going to another node");
    }
}

void store_link_close(struct store_link *link)
{
    if (link == NULL) {
        return;
    }
    timer_stop(&link->timer);
    link_let_go(link);
    free(link);
}

bool store_link_is_ready(const struct store_link *link)
{
    return link->state == LINK_READY;
}

const char *store_link_problem(const struct store_link *link)
{
    return link->problem;
}

bool store_link_has_room(const struct store_link *link)
{
    return link->state == LINK_READY && sdslen(link->conn->context->obuf) < BACKLOG_MAX;
}

void store_link_send(struct store_link *link, struct slice bytes)
{
    ensure(link->state == LINK_READY);
    (void)redisAppendFormattedCommand(link->conn->context, bytes.ptr, bytes.len);
}

void store_link_flush(struct store_link *link)
{
    struct conn *conn = link->conn;
    if (conn != NULL && link->state != LINK_CONNECTING && (conn->events & UV_WRITABLE) == 0 &&
        sdslen(conn->context->obuf) > 0) {
        conn_write(conn);
    }
}

void store_link_break(struct store_link *link, const char *why)
{
    if (link->conn != NULL) {
        link_fail(link, why);
    }
}
