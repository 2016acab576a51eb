/* /openai/...: a client of OpenAI's API, served by a job.
 *
 *   read -> store -> wait ... -> the whole answer         job over: (frame | look) -> unwrap ->
 * answer
 *                 -> stream: first piece or end -> pieces in order -> end
 *
 * The status line waits for the first piece or the end, so that a wrong model or a bad request is
 * answered with its status. After QUIET_MS without either, a stream begins with a comment, one more
 * each QUIET_MS, so that nothing between cuts a long wait; a failure after that is an event
 * "data: {"error": ...}", as OpenAI's clients expect it. A whole answer is waited for without
 * limit: queue TTL and execution timeout bound it.
 *
 * Nobody else reads such a job: a client that goes cancels it. Chunks are read by index and come by
 * the bus or from Redis; their strings leave byte for byte. A retry after a lost worker begins
 * anew: when pieces of the former attempt have left already, the stream ends with an error. */
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "net/bus_chunks.h"
#include "ops/openai_error.h"
#include "ops/openai_input.h"
#include "ops/openai_output.h"
#include "ops/ops.h"
#include "queue/queue_chunks.h"

#define QUIET_MS 10000
#define PAGE_BYTES ((size_t)1 << 20)
#define BACKLOG_MAX ((size_t)1 << 20)
#define STREAM_HEADERS "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"

static void openai_models(struct op *op);
static void openai_store(struct op *op);
static void openai_stored(struct store_call *call, enum err err, const struct reply *reply);
static void openai_unacknowledged(struct op *op);
static void openai_gone(struct op *op);
static void openai_told(struct waiter *waiter, struct slice final);
static void openai_got_chunks(struct waiter *waiter, struct slice payload);
static void openai_look(struct op *op);
static void openai_read(struct store_call *call, enum err err, const struct reply *reply);
static void openai_serve(struct op *op, const struct chunks_page *page);
static void openai_room(struct http_request *request);
static void openai_quiet(struct timer *timer);
static void openai_end_stream(struct op *op, const struct job_view *job);
static void openai_gather(struct op *op, const struct chunks_page *page);
static void openai_answer(struct op *op, struct slice output);
static void openai_fail(struct op *op, const struct job_view *job);
static void openai_refuse(struct op *op, int status, struct slice message);
static void openai_send_error(struct op *op, int status, struct slice body);

void openai_start(struct op *op)
{
    if (op->request->method == HTTP_GET) {
        openai_models(op);
    } else {
        openai_store(op);
    }
}

/* Without a worker: the document knows. */
static void openai_models(struct op *op)
{
    const struct endpoint *endpoint = op->entry->endpoint;
    const char *const only[] = {endpoint->id, NULL};
    const char *const *models =
        endpoint->models != NULL ? (const char *const *)endpoint->models : only;
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct slice rest = openai_rest(op->request->path, op_ep(op));
    if (openai_models_put(rest, models, &body) == ERR_OK) {
        op_reply_json(op, 200, buf_slice(&body));
    } else {
        openai_refuse(op, 404, SLICE("there is no such model, or nothing at this path"));
    }
}

/* ---- store ---- */

static void openai_name(struct op *op, char token[TOKEN_SIZE])
{
    char uuid[ID_UUID_SIZE];
    id_uuid(uuid);
    id_hex(token, 8);
    (void)snprintf(op->id, sizeof(op->id), "%s-u1", uuid);
    watch_token(&op->waiter, slice_of(token));
}

static void openai_store(struct op *op)
{
    const struct endpoint *endpoint = op->entry->endpoint;
    const struct http_request *request = op->request;
    AUTO(buf_done) struct buf members = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    enum err err = openai_input_read(openai_rest(request->path, op_ep(op)), request->query,
                                     request->body, &op->openai.is_stream, &members, &problem);
    if (err != ERR_OK) {
        openai_refuse(op, 400, buf_slice(&problem));
        return;
    }
    char token[TOKEN_SIZE];
    openai_name(op, token);
    const struct submit_args args = {
        .id = op_id(op),
        .members = buf_slice(&members),
        .execution_ms = endpoint->execution_timeout_ms,
        .ttl_ms = endpoint->queue_ttl_s * 1000,
        .retention_ms = endpoint->retention_sync_s * 1000,
        .waiting_max = endpoint_waiting_max(endpoint),
        .token = slice_of(token),
        .watcher = slice_of(op->node->bus_address),
        .rate = op_rate(op),
        .waits_for_replica = endpoint->waits_for_replica,
    };
    op->on_gone = openai_gone;
    op->request->eof_is_gone = true;
    op->waiter.is_for_end = !op->openai.is_stream;
    op->waiter.on_chunks = op->openai.is_stream ? openai_got_chunks : NULL;
    watch_join(op->node->watch, &op->waiter, op_id(op), openai_told);
    queue_submit(op->node->store, &op->call, op_ep(op), &args, openai_stored);
    http_forget(op->request);
}

static void openai_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    enum submit_outcome outcome = SUBMIT_STORED;
    struct slice first_id;
    bool is_unacknowledged = err == ERR_STORE_UNACKED;
    op_body_over(op);
    if (!op_read_outcome(op, is_unacknowledged ? ERR_OK : err, reply, &outcome, &first_id)) {
        return;
    }
    op->openai.is_stored = true;
    if (outcome == SUBMIT_GONE) {
        op_reply_error(op, ERR_NOT_FOUND, "there is no such endpoint");
    } else if (outcome != SUBMIT_REFUSED && is_unacknowledged) {
        openai_unacknowledged(op);
    } else if (outcome == SUBMIT_REFUSED) {
        openai_refuse(op, 429, SLICE("too many requests wait at this endpoint, try again later"));
    } else if (op->openai.is_stream) {
        timer_start(op->node->loop, &op->timer, QUIET_MS, openai_quiet);
        openai_look(op); /* as one who wants chunks */
    } else if (op->must_look) {
        openai_look(op);
    }
}

/* Unlike that of /run nobody can ask for this job later: it is taken back, as far as that can be
 * done, and the client may send its request again. */
static void openai_unacknowledged(struct op *op)
{
    openai_gone(op);
    op_reply_error(op, ERR_STORE_UNACKED,
                   "no replica of Redis has confirmed the job within 2 s (durability "
                   "\"replica\"): it has been cancelled, send the request again");
}

/* ---- the client has gone ---- */

struct farewell {
    struct store_call call;
    struct bus *bus;
    char ep[64], id[ID_MAX + 1];
};

static void cancelled(struct store_call *call, enum err err, const struct reply *reply)
{
    struct farewell *farewell = container_of(call, struct farewell, call);
    struct cancel_result result;
    if ((err == ERR_OK || err == ERR_STORE_UNACKED) &&
        queue_cancel_result(reply, slice_of(farewell->id), &result) == ERR_OK) {
        struct bus_frame frame = {.kind = BUS_LOOK,
                                  .ep = slice_of(farewell->ep),
                                  .id = slice_of(farewell->id),
                                  .token = result.job.token};
        bus_publish(farewell->bus, result.watchers, &frame);
    }
    free(farewell);
}

/* A submit that is still on its way arrives before the cancel: both use one connection, where jobs
 * wait for a replica that of those. */
static void openai_gone(struct op *op)
{
    log_debug("openai.gone", "ep=%s job=%s", op->ep, op->id);
    struct farewell *farewell = xcalloc(1, sizeof(*farewell));
    farewell->bus = op->node->bus;
    memcpy(farewell->ep, op->ep, sizeof(op->ep));
    memcpy(farewell->id, op->id, sizeof(op->id));
    if (op->entry->endpoint->waits_for_replica && !op->openai.is_stored) {
        queue_cancel_durable(op->node->store, &farewell->call, op_ep(op), op_id(op), cancelled);
    } else {
        queue_cancel(op->node->store, &farewell->call, op_ep(op), op_id(op), RATE_NONE, cancelled);
    }
}

/* ---- wait ---- */

static void openai_told(struct waiter *waiter, struct slice final)
{
    (void) final; /* pieces may be left: the list in Redis is the truth */
    struct op *op = container_of(waiter, struct op, waiter);
    if (store_call_is_waiting(&op->call)) {
        op->must_look = true;
    } else {
        openai_look(op);
    }
}

static bool is_choked(const struct op *op)
{
    return op->openai.has_begun && http_stream_backlog(op->request) > BACKLOG_MAX;
}

static void openai_look(struct op *op)
{
    op->must_look = false;
    if (is_choked(op)) {
        return; /* openai_room() looks again */
    }
    bool wants_chunks = op->openai.is_stream || op->document.len > 0;
    const struct chunks_request request = {.watcher = slice_of(op->node->bus_address),
                                           .rate = *RATE_NONE,
                                           .attempt = op->openai.attempt,
                                           .first = op->openai.next,
                                           .bytes_max = wants_chunks ? PAGE_BYTES : 1};
    queue_chunks(op->node->store, &op->call, op_ep(op), op_id(op), &request, openai_read);
}

static void openai_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct chunks_page page;
    if (err == ERR_OK) {
        err = queue_chunks_result(reply, op_id(op), &page);
    }
    if (err == ERR_NOT_FOUND) {
        openai_refuse(op, 500, SLICE("the job has expired"));
    } else if (err != ERR_OK) { /* the check of the waiter looks again */
        log_debug("openai.read", "job=%s err=%s", op->id, err_name(err));
    } else if (op->openai.is_stream) {
        openai_serve(op, &page);
    } else if (job_state_is_final(page.job.state)) {
        openai_gather(op, &page);
    } else if (op->must_look) {
        openai_look(op);
    }
}

/* ---- stream ---- */

static void openai_begin(struct op *op)
{
    if (op->openai.has_begun) {
        return;
    }
    op->openai.has_begun = true;
    http_stream_begin(op->request, &(struct http_answer){.status = 200,
                                                         .content_type = "text/event-stream",
                                                         .headers = SLICE(STREAM_HEADERS)});
    http_stream_on_room(op->request, openai_room);
}

static void openai_quiet(struct timer *timer)
{
    struct op *op = container_of(timer, struct op, timer);
    openai_begin(op);
    http_stream_write(op->request, SLICE(": queued\n\n"));
    timer_start(op->node->loop, timer, QUIET_MS, openai_quiet);
}

static void openai_put(struct op *op, struct slice value)
{
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    openai_put_piece(&bytes, value, &op->openai.is_wrapped);
    openai_begin(op);
    timer_stop(&op->timer);
    op->openai.has_pieces = true;
    http_stream_write(op->request, buf_slice(&bytes));
}

static void openai_put_chunk(struct op *op, struct slice chunk)
{
    op->openai.next++;
    openai_put(op, openai_output(chunk));
}

/* The fast lane: what joins on to what has left goes out at once, all else is a hint. */
static void openai_got_chunks(struct waiter *waiter, struct slice payload)
{
    struct op *op = container_of(waiter, struct op, waiter);
    struct bus_chunks chunks;
    bool is_next = bus_chunks_read(payload, &chunks) == ERR_OK && chunks.count > 0 &&
                   chunks.attempt == op->openai.attempt && chunks.first == op->openai.next &&
                   !is_choked(op);
    if (!is_next) {
        openai_told(waiter, SLICE_NONE);
        return;
    }
    while (chunks.count > 0) {
        openai_put_chunk(op, bus_chunks_next(&chunks));
    }
}

/* False when pieces of an earlier attempt have left: what follows would not fit to them. */
static bool follow_attempt(struct op *op, int64_t attempt)
{
    if (attempt != op->openai.attempt) {
        op->openai.attempt = attempt;
        op->openai.next = 0;
        return !op->openai.has_pieces;
    }
    return true;
}

static void openai_serve(struct op *op, const struct chunks_page *page)
{
    if (!follow_attempt(op, page->job.attempt)) {
        openai_gone(op);
        openai_refuse(op, 500, SLICE("the worker was lost while it answered"));
        return;
    }
    size_t known = op->openai.next > page->first ? (size_t)(op->openai.next - page->first) : 0;
    for (size_t i = known; i < page->count; i++) { /* frames may have been faster */
        openai_put_chunk(op, chunks_page_at(page, i));
    }
    if (op->openai.next < page->stored || op->must_look) {
        openai_look(op);
    } else if (job_state_is_final(page->job.state)) {
        openai_end_stream(op, &page->job);
    }
}

/* Called while streams are flushed: the store is looked at in a new turn. */
static void openai_roomy(struct timer *timer)
{
    struct op *op = container_of(timer, struct op, timer);
    if (!store_call_is_waiting(&op->call)) {
        openai_look(op);
    }
}

static void openai_room(struct http_request *request)
{
    struct op *op = request->op;
    if (op->openai.has_pieces) {
        timer_start(op->node->loop, &op->timer, 0, openai_roomy);
    }
}

static void openai_end_stream(struct op *op, const struct job_view *job)
{
    if (job->state != JOB_COMPLETED) {
        openai_fail(op, job);
        return;
    }
    if (!op->openai.has_pieces) { /* its handler gives its answer at once */
        AUTO(buf_done) struct buf object = BUF_INIT;
        job_put_object(&object, job);
        openai_put(op, openai_output(buf_slice(&object)));
    }
    if (op->openai.is_wrapped) {
        http_stream_write(op->request, SLICE(OPENAI_DONE));
    }
    op_end_stream(op);
}

/* ---- whole answer ---- */

/* The output of a generator that does not aggregate is []: its pieces are the answer. */
static void openai_gather(struct op *op, const struct chunks_page *page)
{
    AUTO(buf_done) struct buf object = BUF_INIT;
    struct buf *list = &op->document;
    if (page->job.state != JOB_COMPLETED) {
        openai_fail(op, &page->job);
        return;
    }
    job_put_object(&object, &page->job);
    struct slice output = openai_output(buf_slice(&object));
    if (page->stored == 0 || !slice_is(output, "[]")) {
        openai_answer(op, output);
        return;
    }
    (void)follow_attempt(op, page->job.attempt);
    for (size_t i = 0; i < page->count; i++, op->openai.next++) {
        (void)buf_put_str(list, list->len == 0 ? "[" : ",");
        (void)buf_put_slice(list, openai_output(chunks_page_at(page, i)));
    }
    if (op->openai.next < page->stored) {
        openai_look(op);
        return;
    }
    (void)buf_put_char(list, ']');
    openai_answer(op, buf_slice(list));
}

static void openai_answer(struct op *op, struct slice output)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf error = BUF_INIT;
    openai_put_whole(&body, output);
    int status = openai_error_of_output(&error, buf_slice(&body));
    if (status != 0) {
        op_reply_json(op, status, buf_slice(&error));
    } else {
        op_reply_json(op, 200, buf_slice(&body));
    }
}

/* ---- failure ---- */

static void openai_fail(struct op *op, const struct job_view *job)
{
    AUTO(buf_done) struct buf object = BUF_INIT;
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct json_member error = {.name = "error"};
    int status = job->state == JOB_TIMED_OUT ? 504 : job->state == JOB_CANCELLED ? 409 : 0;
    job_put_object(&object, job);
    (void)json_scan(buf_slice(&object), &error, 1, NULL);
    (void)json_unquote(error.value, &text);
    if (status != 0) {
        openai_error_put(&body, status,
                         text.len > 0 ? buf_slice(&text) : SLICE("the job was cancelled"));
    } else {
        status = openai_error_of_job(&body, buf_slice(&text));
    }
    openai_send_error(op, status, buf_slice(&body));
}

static void openai_refuse(struct op *op, int status, struct slice message)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    openai_error_put(&body, status, message);
    openai_send_error(op, status, buf_slice(&body));
}

/* body: an error object. Clients repeat what ends with 409 or 500 and above unless told not to; the
 * job has had its tries. */
static void openai_send_error(struct op *op, int status, struct slice body)
{
    if (op->openai.has_begun) {
        http_stream_write(op->request, SLICE("data: "));
        http_stream_write(op->request, body);
        http_stream_write(op->request, SLICE("\n\n"));
        op_end_stream(op);
        return;
    }
    struct slice headers = status == 429                    ? SLICE("Retry-After: 2\r\n")
                           : status == 409 || status >= 500 ? SLICE("X-Should-Retry: false\r\n")
                                                            : SLICE("");
    op_reply(op, &(struct http_answer){.status = status, .headers = headers, .body = body});
}
