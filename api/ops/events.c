/* GET events: what happens to one job, as Server-Sent Events, until it is final.
 *
 *   read (and count the rate) -> begin the answer -> join the tail -> ... -> end
 * The first read is this request's own, so that an unknown job or an exceeded limit is answered as
 * everywhere; afterwards the job's tail, shared by all its readers here, writes the events. Nothing
 * is consumed. A reader that comes back with Last-Event-ID, to whichever node, goes on from there.
 * A node that drains ends the answer; the reader's next try reaches another one. */
#include "ops/ops.h"

#define KEEP_ALIVE_MS 10000
#define HEADERS "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
#define PREFACE "retry: 1000\n\n" /* ms a browser waits before it comes back */

static void events_read(struct store_call *call, enum err err, const struct reply *reply);
static void events_begin(struct op *op, const struct chunks_page *page);
static void events_room(struct http_request *request);
static void events_quiet(struct timer *timer);
static void events_ended(struct tail_reader *reader);

void events_start(struct op *op)
{
    struct sse_place *place = &op->reader.place;
    op->request->eof_is_gone = true;
    if (sse_read_place(http_header(op->request, "last-event-id"), place) != ERR_OK) {
        *place = (struct sse_place){.attempt = -1};
    }
    http_forget(op->request);
    const struct chunks_request request = {.watcher = slice_of(op->node->bus_address),
                                           .rate = op_rate(op),
                                           .attempt = place->attempt,
                                           .first = place->next,
                                           .bytes_max = TAIL_PAGE_BYTES};
    queue_chunks(op->node->store, &op->call, op_ep(op), op_id(op), &request, events_read);
}

static void events_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct chunks_page page;
    if (op_is_limited(op, err, reply)) {
        return;
    }
    if (err == ERR_OK) {
        err = queue_chunks_result(reply, op_id(op), &page);
    }
    if (!op_has_failed(op, err)) {
        events_begin(op, &page);
    }
}

static void events_begin(struct op *op, const struct chunks_page *page)
{
    http_stream_begin(op->request, &(struct http_answer){.status = 200,
                                                         .content_type = "text/event-stream",
                                                         .headers = SLICE(HEADERS),
                                                         .body = SLICE(PREFACE)});
    http_stream_on_room(op->request, events_room);
    op->reader.request = op->request;
    op->reader.on_end = events_ended;
    if (op->node->is_draining || tail_join(op->node->tails, &op->reader, op_ep(op), page)) {
        op_end_stream(op);
        return;
    }
    timer_start(op->node->loop, &op->timer, KEEP_ALIVE_MS, events_quiet);
}

static void events_room(struct http_request *request)
{
    struct op *op = request->op;
    tail_has_room(&op->reader);
}

/* Proxies between cut what is silent, and a peer that has vanished shows only when written to. */
static void events_quiet(struct timer *timer)
{
    struct op *op = container_of(timer, struct op, timer);
    timer_start(op->node->loop, timer, KEEP_ALIVE_MS, events_quiet);
    if (http_stream_backlog(op->request) == 0) {
        http_stream_write(op->request, SLICE(": keep-alive\n\n"));
    }
}

static void events_ended(struct tail_reader *reader)
{
    op_end_stream(container_of(reader, struct op, reader));
}
