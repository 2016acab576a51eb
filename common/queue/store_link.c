/* The connection and its adapter to the loop.
 *
 * The adapter of hiredis for libuv turns epoll on and off for each command; here commands gather in
 * hiredis' output and one flush at the end of the loop turn writes them. The descriptor is polled
 * for writing only while connecting and while the kernel takes no more.
 * States: away (timer runs) -> connecting -> greeting -> ready; each failure leads back to away. */
#include "queue/store_link.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <uv.h>

#include "base/id.h"
#include "base/log.h"
#include "queue/store_objects.h"
#include "queue/store_tls.h"

#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS 2000
#define CONNECT_MS 5000          /* to connect and to be greeted */
#define BACKLOG_MAX (256 * 1024) /* what a socket takes at once */

enum link_state { LINK_AWAY, LINK_CONNECTING, LINK_GREETING, LINK_READY };

/* Lives as long as hiredis or libuv may still touch it; `link` is NULL once the link has let go. */
struct socket_watch {
    uv_poll_t poll;
    struct store_link *link;
    redisAsyncContext *context;
    struct store_objects *objects; /* of the replies */
    int events;                    /* what poll waits for now */
    bool wants_write;
};

struct store_link {
    struct store_link_config config;
    struct store_address address;
    bool has_address;
    struct store_link_owner owner;
    enum link_state state;
    struct socket_watch *watch; /* NULL while away */
    struct timer timer;         /* away: next try; connecting, greeting: give up */
    uint64_t retry_ms;
    int greetings_left;
    char problem[256];
};

static void link_connect(struct store_link *link);
static void link_fail(struct store_link *link, const char *why);

/* ---- adapter ---- */

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch_events(struct socket_watch *watch, int events)
{
    if (events != watch->events) {
        watch->events = events;
        (void)uv_poll_start(&watch->poll, events, on_socket);
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct socket_watch *watch = container_of(poll, struct socket_watch, poll);
    if (watch->context != NULL && (status < 0 || (events & UV_WRITABLE) != 0)) {
        watch->wants_write = false;
        redisAsyncHandleWrite(watch->context);
        if (watch->context != NULL && !watch->wants_write) {
            watch_events(watch, UV_READABLE);
        }
    }
    if (watch->context != NULL && (status < 0 || (events & UV_READABLE) != 0)) {
        redisAsyncHandleRead(watch->context);
    }
}

static void adapter_add_read(void *data)
{
    struct socket_watch *watch = data;
    watch_events(watch, watch->events | UV_READABLE);
}

static void adapter_ignore(void *data)
{
    (void)data;
}

static void adapter_add_write(void *data)
{
    struct socket_watch *watch = data;
    watch->wants_write = true;
    if (watch->link != NULL && watch->link->state == LINK_CONNECTING) {
        watch_events(watch, UV_WRITABLE);
    }
}

static void adapter_del_write(void *data)
{
    struct socket_watch *watch = data;
    watch->wants_write = false;
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct socket_watch *watch = container_of((uv_poll_t *)handle, struct socket_watch, poll);
    store_objects_free(watch->objects);
    free(watch);
}

/* hiredis frees its context: the socket is closed right after this returns. */
static void adapter_cleanup(void *data)
{
    struct socket_watch *watch = data;
    watch->context = NULL;
    (void)uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static enum err watch_start(struct store_link *link, redisAsyncContext *context)
{
    struct socket_watch *watch = xcalloc(1, sizeof(*watch));
    if (uv_poll_init(loop_uv(link->config.loop), &watch->poll, context->c.fd) != 0) {
        free(watch);
        return ERR_IO;
    }
    watch->link = link;
    watch->context = context;
    watch->objects = store_objects_new(context->c.reader);
    context->data = link;
    context->ev.data = watch;
    context->ev.addRead = adapter_add_read;
    context->ev.delRead = adapter_ignore;
    context->ev.addWrite = adapter_add_write;
    context->ev.delWrite = adapter_del_write;
    context->ev.cleanup = adapter_cleanup;
    link->watch = watch;
    return ERR_OK;
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

/* Lets go of the connection (its callbacks find no link any more) and waits for the next try. */
static void link_fail(struct store_link *link, const char *why)
{
    link_problem_set(link, why);
    struct socket_watch *watch = link->watch;
    link->watch = NULL;
    if (watch != NULL) {
        watch->link = NULL;
        watch->context->data = NULL;
        redisAsyncFree(watch->context); /* deferred by hiredis when inside one of its callbacks */
    }
    link_rest(link);
}

static void on_give_up(struct timer *timer)
{
    link_fail(container_of(timer, struct store_link, timer), "no answer while connecting");
}

static void on_disconnected(const redisAsyncContext *context, int status)
{
    struct store_link *link = context->data;
    if (link == NULL) {
        return;
    }
    link_problem_set(link, status != REDIS_OK && context->errstr[0] ? context->errstr
                                                                    : "connection closed");
    link->watch->link = NULL;
    link->watch = NULL;
    link_rest(link);
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

static void on_greeted(redisAsyncContext *context, void *raw, void *unused)
{
    (void)unused;
    struct store_link *link = context->data;
    redisReply *reply = raw;
    if (link == NULL || reply == NULL) {
        return;
    }
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
    (void)redisAsyncCommandArgv(link->watch->context, on_greeted, NULL, count,
                                (const char **)(uintptr_t)words, NULL);
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

static void on_connected(const redisAsyncContext *context, int status)
{
    struct store_link *link = context->data;
    if (link == NULL) {
        return;
    }
    if (status == REDIS_OK) {
        link_greet(link);
        return;
    }
    /* hiredis frees the context of a failed connect itself and calls no disconnect. */
    link_problem_set(link, context->errstr[0] ? context->errstr : "cannot connect");
    link->watch->link = NULL;
    link->watch = NULL;
    link_rest(link);
}

static enum err link_begin(struct store_link *link, redisAsyncContext *context)
{
    if (context->err != 0) {
        link_problem_set(link, context->errstr);
        return ERR_IO;
    }
    if (link->config.tls != NULL &&
        store_tls_begin(link->config.tls, context, link->address.host) != ERR_OK) {
        link_problem_set(link, context->c.err != 0 ? context->c.errstr : "TLS cannot begin");
        return ERR_IO;
    }
    if (watch_start(link, context) != ERR_OK) {
        link_problem_set(link, "cannot watch the socket");
        return ERR_IO;
    }
    return ERR_OK;
}

static void link_connect(struct store_link *link)
{
    const struct store_address *address = &link->address;
    link->state = LINK_CONNECTING;
    redisAsyncContext *context = address->port == 0
                                     ? redisAsyncConnectUnix(address->host)
                                     : redisAsyncConnect(address->host, address->port);
    ensure(context != NULL);
    if (link_begin(link, context) != ERR_OK) {
        redisAsyncFree(context);
        link_rest(link);
        return;
    }
    timer_start(link->config.loop, &link->timer, CONNECT_MS, on_give_up);
    (void)redisAsyncSetDisconnectCallback(context, on_disconnected);
    (void)redisAsyncSetConnectCallback(context, on_connected);
}

/* ---- for the owner ---- */

static void on_reply(redisAsyncContext *context, void *raw, void *unused)
{
    (void)unused;
    struct store_link *link = context->data;
    if (link != NULL && raw != NULL) {
        link->owner.on_reply(raw, link->owner.arg);
    }
}

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
    if (link->watch != NULL) {
        link->watch->link = NULL;
        link->watch->context->data = NULL;
        redisAsyncFree(link->watch->context);
    }
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
    return link->state == LINK_READY && sdslen(link->watch->context->c.obuf) < BACKLOG_MAX;
}

void store_link_send(struct store_link *link, struct slice command)
{
    ensure(link->state == LINK_READY);
    (void)redisAsyncFormattedCommand(link->watch->context, on_reply, NULL, command.ptr,
                                     command.len);
}

void store_link_append(struct store_link *link, struct slice bytes)
{
    ensure(link->state == LINK_READY);
    (void)redisAppendFormattedCommand(&link->watch->context->c, bytes.ptr, bytes.len);
    link->watch->wants_write = true;
}

void store_link_flush(struct store_link *link)
{
    struct socket_watch *watch = link->watch;
    if (watch == NULL || !watch->wants_write || link->state == LINK_CONNECTING ||
        (watch->events & UV_WRITABLE) != 0) {
        return;
    }
    if ((watch->context->c.flags & REDIS_IN_CALLBACK) != 0) {
        watch_events(watch, UV_READABLE | UV_WRITABLE); /* hiredis does not write from inside one */
        return;
    }
    watch->wants_write = false;
    redisAsyncHandleWrite(watch->context); /* may end in on_disconnected, which lets watch go */
    if (link->watch == watch && watch->wants_write) {
        watch_events(watch, UV_READABLE | UV_WRITABLE);
    }
}

void store_link_break(struct store_link *link, const char *why)
{
    if (link->watch != NULL) {
        link_fail(link, why);
    }
}
