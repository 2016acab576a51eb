/* A real HTTP server for the tests: its loop runs in a thread of its own, its handlers are chosen
 * by path, and what they see is counted where a test can wait for it. */
#ifndef TESTS_UNIT_NET_HTTP_RIG_H
#define TESTS_UNIT_NET_HTTP_RIG_H

#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include <uv.h>

#include "base/list.h"
#include "net/http.h"

#define CLIENTS_MAX 600
#define BIG ((size_t)8 << 20)

/* --- the server and its handlers --- */

enum { ASK_RELEASE = 1, ASK_DRAIN = 2, ASK_CLOSE = 4 };

struct rig {
    struct http_config config;
    struct loop *loop;
    struct http_server *server;
    struct loop_hook hook;
    uv_async_t async;
    pthread_t thread;
    int port;
    char *big;
    struct list parked; /* op.link */
    atomic_int asked;
    atomic_int parked_count, gone, drained, rooms, requests;
    atomic_int connections; /* as of the end of the last turn */
    int fds[CLIENTS_MAX];
    size_t fd_count;
    struct buf in; /* what a client has received and not yet looked at */
};

struct op {
    struct http_request *request;
    struct rig *rig;
    struct list link;
    struct timer timer;
    size_t left;
};

static inline void reply_text(struct http_request *request, int status, struct slice body)
{
    http_reply(request, &(struct http_answer){
                            .status = status,
                            .headers = SLICE("X-Test: 1\r\n"),
                            .body = body,
                        });
}

static inline struct op *new_op(struct http_request *request, struct rig *rig)
{
    struct op *op = xcalloc(1, sizeof(*op));
    op->request = request;
    op->rig = rig;
    list_init(&op->link);
    request->op = op;
    return op;
}

static inline void free_op(struct op *op)
{
    timer_stop(&op->timer);
    if (list_is_linked(&op->link)) {
        atomic_fetch_sub(&op->rig->parked_count, 1);
    }
    list_unlink(&op->link);
    free(op);
}

static inline void on_gone(struct http_request *request)
{
    struct op *op = request->op;
    struct rig *rig = op->rig;
    free_op(op);
    atomic_fetch_add(&rig->gone, 1);
}

static inline void accept_now(struct timer *timer)
{
    http_accept(container_of(timer, struct op, timer)->request, BIG);
}

static inline void reply_now(struct timer *timer)
{
    struct op *op = container_of(timer, struct op, timer);
    reply_text(op->request, 200, op->request->body);
    free_op(op);
}

static inline void refuse_now(struct timer *timer)
{
    struct op *op = container_of(timer, struct op, timer);
    reply_text(op->request, 403, SLICE("not you"));
    free_op(op);
}

static inline void on_head(struct http_request *request, void *arg)
{
    struct rig *rig = arg;
    if (slice_is(request->path, "/refuse")) {
        reply_text(request, 401, SLICE("who are you"));
        return;
    }
    if (slice_is(request->path, "/refuse-and-close")) {
        http_reply(request, &(struct http_answer){.status = 503, .must_close = true});
        return;
    }
    struct op *op = new_op(request, rig);
    request->on_gone = on_gone;
    if (slice_is(request->path, "/later")) {
        timer_start(rig->loop, &op->timer, 0, accept_now);
    } else if (slice_is(request->path, "/refuse-later")) {
        timer_start(rig->loop, &op->timer, 50, refuse_now);
    } else {
        http_accept(request, slice_is(request->path, "/small") ? 10 : BIG);
    }
}

static inline void park(struct op *op)
{
    op->request->eof_is_gone = slice_is(op->request->path, "/park-eof");
    http_forget(op->request);
    list_push(&op->rig->parked, &op->link);
    atomic_fetch_add(&op->rig->parked_count, 1);
}

static inline void pour(struct http_request *request)
{
    struct op *op = request->op;
    atomic_fetch_add(&op->rig->rooms, 1);
    while (op->left > 0 && http_stream_backlog(request) < 200000) {
        size_t piece = op->left < 50000 ? op->left : 50000;
        http_stream_write(request, (struct slice){op->rig->big, piece});
        op->left -= piece;
    }
    if (op->left == 0) {
        free_op(op);
        http_stream_end(request);
    }
}

static inline void flood(struct op *op)
{
    op->left = BIG;
    http_stream_begin(op->request, &(struct http_answer){.status = 200});
    http_stream_on_room(op->request, pour);
    pour(op->request);
}

static inline void stream(struct op *op)
{
    struct http_request *request = op->request;
    free_op(op);
    request->on_gone = NULL;
    http_stream_begin(request, &(struct http_answer){.status = 200, .content_type = "text/plain"});
    http_stream_write(request, SLICE("one"));
    http_stream_write(request, SLICE_NONE);
    http_stream_write(request, SLICE("twenty-two bytes long."));
    http_stream_end(request);
}

static inline void on_request(struct http_request *request, void *arg)
{
    struct rig *rig = arg;
    struct op *op = request->op;
    atomic_fetch_add(&rig->requests, 1);
    if (slice_starts(request->path, SLICE("/park"))) {
        park(op);
    } else if (slice_is(request->path, "/later")) {
        timer_start(rig->loop, &op->timer, 0, reply_now);
    } else if (slice_is(request->path, "/flood")) {
        flood(op);
    } else if (slice_is(request->path, "/stream")) {
        stream(op);
    } else if (slice_is(request->path, "/big")) {
        free_op(op);
        reply_text(request, 200, (struct slice){rig->big, BIG});
    } else if (slice_is(request->path, "/none")) {
        free_op(op);
        reply_text(request, 204, SLICE_NONE);
    } else {
        free_op(op);
        reply_text(request, 200, request->body.len > 0 ? request->body : request->path);
    }
}

static inline void on_refused(enum err err, const char *detail, struct buf *out, void *arg)
{
    (void)arg;
    (void)buf_printf(out, "{\"refused\":\"%s\",\"detail\":\"%s\"}", err_name(err), detail);
}

static inline void on_drained(void *arg)
{
    struct rig *rig = arg;
    atomic_fetch_add(&rig->drained, 1);
}

static inline void release_all(struct rig *rig)
{
    for (struct list *at = rig->parked.next; at != &rig->parked; at = rig->parked.next) {
        struct op *op = container_of(at, struct op, link);
        struct http_request *request = op->request;
        free_op(op);
        reply_text(request, 200, SLICE("released"));
    }
}

static inline void on_asked(uv_async_t *async)
{
    struct rig *rig = async->data;
    int asked = atomic_exchange(&rig->asked, 0);
    if (asked & ASK_RELEASE) {
        release_all(rig);
    }
    if (asked & ASK_DRAIN) {
        http_server_drain(rig->server, on_drained, rig);
    }
    if (asked & ASK_CLOSE) {
        http_server_close(rig->server);
        rig->server = NULL;
        uv_close((uv_handle_t *)&rig->async, NULL);
    }
}

static inline void ask(struct rig *rig, int what)
{
    atomic_fetch_or(&rig->asked, what);
    assert_int_equal(uv_async_send(&rig->async), 0);
}

static inline void note_connections(struct loop_hook *hook)
{
    struct rig *rig = container_of(hook, struct rig, hook);
    if (rig->server != NULL) {
        atomic_store(&rig->connections, (int)http_server_connections(rig->server));
    }
}

static inline void *run_loop(void *arg)
{
    loop_run(((struct rig *)arg)->loop);
    return NULL;
}

/* --- fixture --- */

/* Everything but a socket and the thread. */
static inline struct rig *new_rig(struct http_config config)
{
    static const struct http_handlers handlers = {
        .on_head = on_head, .on_request = on_request, .on_refused = on_refused};
    struct rig *rig = xcalloc(1, sizeof(*rig));
    rig->config = config;
    list_init(&rig->parked);
    rig->big = xmalloc(BIG);
    memset(rig->big, 'b', BIG);
    rig->loop = loop_new();
    rig->server = http_server_new(rig->loop, &rig->config, &handlers, rig);
    loop_hook_add(rig->loop, &rig->hook, note_connections);
    (void)uv_async_init(loop_uv(rig->loop), &rig->async, on_asked);
    rig->async.data = rig;
    return rig;
}

static inline int setup_with(void **state, struct http_config config)
{
    struct rig *rig = new_rig(config);
    *state = rig;
    if (http_server_listen(rig->server, "127.0.0.1", 0, &rig->port) != ERR_OK) {
        return -1;
    }
    return pthread_create(&rig->thread, NULL, run_loop, rig);
}

static inline int setup(void **state)
{
    return setup_with(state, (struct http_config){.shares_port = true});
}

static inline int setup_hasty(void **state)
{
    return setup_with(state, (struct http_config){.head_ms = 60, .body_ms = 60, .write_ms = 60});
}

static inline int setup_short_idle(void **state)
{
    return setup_with(state, (struct http_config){.idle_ms = 500});
}

static inline int setup_two(void **state)
{
    return setup_with(state, (struct http_config){.connections_max = 2});
}

static inline int teardown(void **state)
{
    struct rig *rig = *state;
    ask(rig, ASK_CLOSE);
    (void)pthread_join(rig->thread, NULL);
    loop_free(rig->loop);
    for (size_t i = 0; i < rig->fd_count; i++) {
        if (rig->fds[i] >= 0) {
            (void)close(rig->fds[i]);
        }
    }
    bool is_leaking = !list_is_empty(&rig->parked);
    buf_done(&rig->in);
    free(rig->big);
    free(rig);
    return is_leaking ? -1 : 0;
}

#define WITH(fixture, test) cmocka_unit_test_setup_teardown(test, fixture, teardown)

#endif
