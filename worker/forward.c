/*   read the input -> send -> pieces -> end -> ending
 *
 * A stream's pieces become chunks {"output": "<text>"} as they come, cut where UTF-8 allows, and
 * the output is their list. Any other answer is kept and becomes the output. An answer of 400 and
 * above fails the job, with its body in the error.
 *
 * A connection that breaks usually means that the process is dying: the job waits a moment, so that
 * its end (lost.c) can give the job back; only a server that lives on has failed it. */
#include "forward.h"

#include "base/log.h"
#include "ending.h"
#include "held.h"
#include "net/fetch.h"
#include "post.h"
#include "server.h"
#include "server_reply.h"
#include "server_request.h"
#include "slot.h"

#define DEATH_MS 2000 /* from a broken connection to the news of the process's end */
#define ROOM_MS 20

struct forward {
    struct held *held;
    struct fetch *fetch;
    struct timer timer; /* start, look for room, death, letting go */
    struct buf members; /* of the job, until it is sent */
    bool is_openai;
    bool is_begun, is_stream; /* the answer has; it is handed on piece by piece */
    struct buf torn;          /* stream: the start of a UTF-8 sequence */
    struct buf whole;         /* the body, or the texts of a stream so far, comma separated */
    struct buf problem;       /* of a broken connection */
};

static void forward_send(struct timer *timer);
static void forward_data(struct fetch *fetch, struct slice bytes, void *arg);
static void forward_room(struct timer *timer);
static void forward_answered(const struct fetch_result *result, void *arg);
static void forward_broken(struct timer *timer);
static void forward_complete(struct forward *forward, const struct fetch_result *result);
static void forward_fail(struct forward *forward, struct slice text);

static struct loop *loop_of(const struct forward *forward)
{
    return forward->held->group->agent->loop;
}

void forward_start(struct held *held, struct slice members)
{
    struct forward *forward = xcalloc(1, sizeof(*forward));
    forward->held = held;
    held->forward = forward;
    buf_put_slice(&forward->members, members);
    timer_start(loop_of(forward), &forward->timer, 0, forward_send);
}

static void close_request(struct forward *forward)
{
    if (forward->fetch != NULL) {
        fetch_cancel(forward->fetch);
        forward->fetch = NULL;
    }
}

void forward_free(struct held *held)
{
    struct forward *forward = held->forward;
    if (forward == NULL) {
        return;
    }
    held->forward = NULL;
    close_request(forward);
    timer_stop(&forward->timer);
    buf_done(&forward->members);
    buf_done(&forward->torn);
    buf_done(&forward->whole);
    buf_done(&forward->problem);
    free(forward);
}

static void let_go(struct timer *timer)
{
    held_free(container_of(timer, struct forward, timer)->held);
}

void forward_stop(struct held *held)
{
    close_request(held->forward);
    timer_start(loop_of(held->forward), &held->forward->timer, 0, let_go);
}

/* ---- request ---- */

static void forward_send(struct timer *timer)
{
    struct forward *forward = container_of(timer, struct forward, timer);
    struct held *held = forward->held;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO(server_request_done) struct server_request request = {0};
    if (server_request_read(buf_slice(&forward->members), &request, &problem) != ERR_OK) {
        forward_fail(forward, buf_slice(&problem));
        return;
    }
    AUTO_STR url = xasprintf("http://127.0.0.1:%d%s", held->slot->server->port, request.path);
    struct fetch_request fetch = {
        .method = request.method,
        .url = url,
        .headers = (const char *const *)request.headers,
        .body = request.has_body ? &request.body : NULL,
        .is_once = true,
        .on_data = forward_data,
    };
    forward->is_openai = request.is_openai;
    buf_done(&forward->members);
    forward->fetch = fetch_start(held->group->agent->fetcher, &fetch, forward_answered, forward);
}

/* ---- answer ---- */

/* One chunk, and one more text of the list; false when the list has become too long. */
static bool put_chunk(struct forward *forward, struct slice text)
{
    AUTO(buf_done) struct buf element = BUF_INIT;
    size_t start = forward->whole.len;
    buf_put_str(&forward->whole, start > 0 ? "," : "");
    size_t from = forward->whole.len;
    server_reply_put_text(&forward->whole, text);
    buf_put_str(&element, "{\"output\":");
    buf_put_slice(&element, slice_from(buf_slice(&forward->whole), from));
    buf_put_char(&element, '}');
    stream_put(&forward->held->stream, buf_slice(&element));
    return forward->whole.len <= POST_MAX;
}

static bool put_piece(struct forward *forward, struct slice bytes)
{
    buf_put_slice(&forward->torn, bytes);
    size_t len = server_reply_whole(buf_slice(&forward->torn));
    bool is_ok = len == 0 || put_chunk(forward, (struct slice){forward->torn.ptr, len});
    buf_consume(&forward->torn, len);
    return is_ok;
}

static bool keep(struct forward *forward, struct slice bytes)
{
    size_t most = fetch_status(forward->fetch) >= 400 ? POST_MAX / 64 : POST_MAX;
    bool is_room = forward->whole.len + bytes.len <= most;
    if (is_room) {
        buf_put_slice(&forward->whole, bytes);
    }
    return is_room || most < POST_MAX; /* an error's text may be cut */
}

static void forward_data(struct fetch *fetch, struct slice bytes, void *arg)
{
    struct forward *forward = arg;
    const struct agent *agent = forward->held->group->agent;
    if (!forward->is_begun) {
        forward->is_begun = true;
        forward->is_stream = fetch_status(fetch) < 400 && server_reply_is_stream(fetch_head(fetch));
    }
    bool is_ok = forward->is_stream ? put_piece(forward, bytes) : keep(forward, bytes);
    if (!is_ok) {
        AUTO_STR text = xasprintf("the result is too large: the limit is %zu bytes", POST_MAX);
        forward_fail(forward, slice_of(text));
    } else if (!stream_has_room(&forward->held->stream) || !intake_has_room(agent)) {
        fetch_pause(fetch);
        timer_start(loop_of(forward), &forward->timer, ROOM_MS, forward_room);
    }
}

static void forward_room(struct timer *timer)
{
    struct forward *forward = container_of(timer, struct forward, timer);
    if (stream_has_room(&forward->held->stream) && intake_has_room(forward->held->group->agent)) {
        fetch_resume(forward->fetch);
    } else {
        timer_start(loop_of(forward), timer, ROOM_MS, forward_room);
    }
}

static void forward_answered(const struct fetch_result *result, void *arg)
{
    struct forward *forward = arg;
    forward->fetch = NULL;
    timer_stop(&forward->timer);
    forward->held->slot->has_worked = true;
    if (result->err != ERR_OK) {
        buf_printf(&forward->problem, "the server did not answer to the end: %s", result->problem);
        timer_start(loop_of(forward), &forward->timer, DEATH_MS, forward_broken);
    } else if (result->status >= 400) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        server_reply_put_error(&text, result->status, buf_slice(&forward->whole));
        forward_fail(forward, buf_slice(&text));
    } else {
        forward_complete(forward, result);
    }
}

static void forward_broken(struct timer *timer)
{
    struct forward *forward = container_of(timer, struct forward, timer);
    AUTO(buf_done) struct buf problem = forward->problem;
    forward->problem = BUF_INIT;
    forward_fail(forward, buf_slice(&problem));
}

static void forward_complete(struct forward *forward, const struct fetch_result *result)
{
    AUTO(buf_done) struct buf members = BUF_INIT;
    struct slice whole = buf_slice(&forward->whole);
    if (forward->is_stream) {
        if (forward->torn.len > 0) {
            (void)put_chunk(forward, buf_slice(&forward->torn));
        }
        buf_printf(&members, "\"output\":[");
        buf_put_slice(&members, buf_slice(&forward->whole));
        buf_put_char(&members, ']');
    } else if (forward->is_openai) {
        server_reply_put_body(&members, whole);
    } else {
        server_reply_put_whole(&members, result->status, result->head, whole);
    }
    ending_start(forward->held, ENDING_COMPLETED, &members); /* the forward is gone */
}

/* The forward is gone afterwards. */
static void forward_fail(struct forward *forward, struct slice text)
{
    struct held *held = forward->held;
    AUTO(buf_done) struct buf members = BUF_INIT;
    buf_put_str(&members, "\"error\":");
    server_reply_put_text(&members, text);
    ending_start(held, ENDING_FAILED, &members);
}
