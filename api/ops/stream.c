/* GET|POST stream: the chunks since the last reading, or a wait for the next.
 *
 *   join -> read -> (chunks | end | time over) -> answer
 *             ^---- frame, check ----'
 * A final state is only told together with the last chunks: clients stop at the first one they see.
 * The shape of the answer is negotiated: SDKs want {"status","stream"}, the bare GET of RunPod's
 * own documentation wants the list. */
#include <stdio.h>

#include "ops/ops.h"

#define STREAM_BYTES_MAX ((size_t)8 << 20) /* per answer; the rest comes with the next */
#define STREAM_HOLD_MS 4000                /* below the 10 s timeout of the Python SDK */
#define STREAM_WAIT_MS_MAX 90000

static void stream_told(struct waiter *waiter, struct slice final);
static void stream_over(struct timer *timer);
static void stream_look(struct op *op, const struct rate *rate);
static void stream_read(struct store_call *call, enum err err, const struct reply *reply);
static void stream_answer(struct op *op, const struct stream_page *page);

static bool contains_json(struct slice media_type)
{
    for (size_t i = 0; i + 4 <= media_type.len; i++) {
        if (slice_eq_nocase((struct slice){media_type.ptr + i, 4}, SLICE("json"))) {
            return true;
        }
    }
    return false;
}

static bool wants_object(const struct op *op)
{
    const struct http_request *request = op->request;
    AUTO(buf_done) struct buf shape = BUF_INIT;
    if (http_query(request->query, "shape", &shape)) {
        return !slice_is(buf_slice(&shape), "list");
    }
    if (op->entry->endpoint->stream_shape != STREAM_AUTO) {
        return op->entry->endpoint->stream_shape == STREAM_OBJECT;
    }
    return request->method == HTTP_POST || contains_json(http_header(request, "content-type")) ||
           slice_starts(http_header(request, "user-agent"), SLICE("RunPod-")) ||
           op_has_query(op, "wait");
}

void stream_start(struct op *op)
{
    op->is_object = wants_object(op);
    uint64_t hold_ms = op_wait_ms(op, STREAM_HOLD_MS, STREAM_WAIT_MS_MAX);
    timer_start(op->node->loop, &op->timer, hold_ms, stream_over);
    watch_join(op->node->watch, &op->waiter, op_id(op), stream_told);
    http_forget(op->request);
    const struct rate rate = op_rate(op);
    stream_look(op, &rate);
}

static void stream_told(struct waiter *waiter, struct slice final)
{
    (void) final; /* chunks may be left: the list in Redis is the truth */
    struct op *op = container_of(waiter, struct op, waiter);
    if (!store_call_is_waiting(&op->call)) {
        stream_look(op, RATE_NONE);
    } else {
        op->must_look = true;
    }
}

static void stream_over(struct timer *timer)
{
    struct op *op = container_of(timer, struct op, timer);
    op->has_waited = true;
    if (!store_call_is_waiting(&op->call)) {
        stream_look(op, RATE_NONE);
    }
}

static void stream_look(struct op *op, const struct rate *rate)
{
    op->must_look = false;
    const struct stream_request request = {
        .bytes_max = STREAM_BYTES_MAX, .watcher = slice_of(op->node->bus_address), .rate = *rate};
    queue_stream(op->node->store, &op->call, op_ep(op), op_id(op), &request, stream_read);
}

static void stream_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct stream_page page;
    if (op_is_limited(op, err, reply)) {
        return;
    }
    if (err == ERR_OK) {
        err = queue_stream_result(reply, &page);
    }
    if (op_has_failed(op, err)) {
        return;
    }
    if (page.chunk_count > 0 || job_state_is_final(page.state) || op->has_waited ||
        op->node->is_draining) {
        stream_answer(op, &page);
    } else if (op->must_look) {
        stream_look(op, RATE_NONE);
    }
}

static void put_chunks(struct buf *out, const struct stream_page *page)
{
    (void)buf_put_char(out, '[');
    for (size_t i = 0; i < page->chunk_count; i++) {
        (void)buf_put_str(out, i > 0 ? "," : "");
        (void)buf_put_slice(out, stream_page_chunk(page, i));
    }
    (void)buf_put_char(out, ']');
}

static void stream_answer(struct op *op, const struct stream_page *page)
{
    enum job_state shown =
        page->has_more && job_state_is_final(page->state) ? JOB_IN_PROGRESS : page->state;
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf headers = BUF_INIT;
    if (op->is_object) {
        (void)buf_printf(&body, "{\"status\":\"%s\",\"stream\":", job_state_name(shown));
        put_chunks(&body, page);
        (void)buf_put_char(&body, '}');
    } else {
        (void)buf_printf(&headers, "X-Job-Status: %s\r\n", job_state_name(shown));
        put_chunks(&body, page);
    }
    op_reply(op, &(struct http_answer){
                     .status = 200, .headers = buf_slice(&headers), .body = buf_slice(&body)});
}
