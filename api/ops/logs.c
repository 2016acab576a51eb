/* GET logs: what the handler processes of an endpoint wrote, the latest lines, oldest of them
 * first; with follow=1 then each further one, until the reader goes or the node drains.
 *
 *   read the end of the log -> answer | begin -> (every 300 ms: read what is new -> write) -> end
 *
 * One JSON object a line, or Server-Sent Events for those who accept them. Each has the id of its
 * place in the log: after=ID, or Last-Event-ID, goes on from there on any node. Lines are filtered
 * here: by worker, by job. A reader that does not keep up is not read for. */
#include "ops/ops.h"

#define TAIL_DEFAULT 100
#define PAGE_LINES "500"
#define LOOK_MS 300
#define KEEP_ALIVE_LOOKS 33 /* about 10 s */
#define BACKLOG_MAX ((size_t)256 << 10)
#define NDJSON "application/x-ndjson"
#define EVENTS "text/event-stream"

static void logs_read(struct store_call *call, enum err err, const struct reply *reply);
static void logs_look(struct timer *timer);
static void logs_looked(struct store_call *call, enum err err, const struct reply *reply);

/* ---- what is asked for ---- */

static bool accepts_events(struct slice accept)
{
    return accept.len > 0 && memmem(accept.ptr, accept.len, EVENTS, sizeof(EVENTS) - 1) != NULL;
}

static char *query_text(const struct op *op, const char *name)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    (void)http_query(op->request->query, name, &text);
    return text.len > 0 && text.len <= ID_MAX ? buf_take_str(&text) : NULL;
}

/* "1526919030474-55", nothing else: it becomes part of a command. */
static bool is_place(struct slice text)
{
    struct slice rest = text;
    return text.len < sizeof(((struct op *)NULL)->logs.last) &&
           slice_to_i64_or(slice_cut(&rest, '-'), -1) >= 0 &&
           (rest.len == 0 || slice_to_i64_or(rest, -1) >= 0);
}

static bool take_place(struct op *op, struct slice place)
{
    bool is_good = place.len > 0 && is_place(place);
    if (is_good) {
        memcpy(op->logs.last, place.ptr, place.len);
        op->logs.last[place.len] = '\0';
    }
    return is_good;
}

static int64_t wanted_tail(const struct op *op)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    (void)http_query(op->request->query, "tail", &text);
    int64_t tail = slice_to_i64_or(buf_slice(&text), TAIL_DEFAULT);
    return tail < 0 ? 0 : tail > LOG_LINES_MAX ? LOG_LINES_MAX : tail;
}

static bool is_true(const struct op *op, const char *name)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    return http_query(op->request->query, name, &text) && !slice_is(buf_slice(&text), "0") &&
           !slice_is(buf_slice(&text), "false");
}

/* ---- lines ---- */

struct line {
    struct slice id, worker, job, text;
};

/* id, {"w", worker, "j", job, "l", text} */
static bool read_line(const struct reply *reply, size_t index, struct line *ret_line)
{
    const struct reply *entry = reply_at(reply, index);
    const struct reply *fields = reply_at(entry, 1);
    *ret_line = (struct line){reply_slice(reply_at(entry, 0)), reply_slice(reply_at(fields, 1)),
                              reply_slice(reply_at(fields, 3)), reply_slice(reply_at(fields, 5))};
    return ret_line->id.len > 0;
}

static bool is_wanted(const struct op *op, const struct line *line)
{
    return (op->logs.worker == NULL || slice_is(line->worker, op->logs.worker)) &&
           (op->logs.job == NULL || slice_is(line->job, op->logs.job));
}

static void put_member(struct buf *out, const char *name, struct slice value)
{
    if (value.len > 0) {
        (void)buf_printf(out, ",\"%s\":", name);
        (void)buf_put_json_str(out, value);
    }
}

static void put_line(struct buf *out, const struct op *op, const struct line *line)
{
    struct slice rest = line->id;
    if (op->logs.is_sse) {
        (void)buf_printf(out, "id: %.*s\nevent: log\ndata: ", SLICE_ARG(line->id));
    }
    (void)buf_printf(out, "{\"id\":\"%.*s\",\"time\":%lld", SLICE_ARG(line->id),
                     (long long)slice_to_i64_or(slice_cut(&rest, '-'), 0));
    put_member(out, "worker", line->worker);
    put_member(out, "job", line->job);
    (void)buf_put_str(out, ",\"line\":");
    (void)buf_put_json_str(out, line->text);
    (void)buf_put_str(out, op->logs.is_sse ? "}\n\n" : "}\n");
}

/* The newest come first; the last `tail` that are wanted are given in the order of their ids. */
static void put_latest(struct buf *out, const struct op *op, const struct reply *reply)
{
    struct line line;
    size_t end = 0;
    int64_t left = op->logs.tail;
    for (; end < reply_count(reply) && left > 0; end++) {
        left -= read_line(reply, end, &line) && is_wanted(op, &line);
    }
    while (end-- > 0) {
        if (read_line(reply, end, &line) && is_wanted(op, &line)) {
            put_line(out, op, &line);
        }
    }
}

static void put_new(struct buf *out, struct op *op, const struct reply *reply)
{
    struct line line;
    for (size_t i = 0; i < reply_count(reply); i++) {
        if (read_line(reply, i, &line)) {
            (void)take_place(op, line.id);
            if (is_wanted(op, &line)) {
                put_line(out, op, &line);
            }
        }
    }
}

/* ---- the operation ---- */

static void read_after(struct op *op, store_fn fn)
{
    AUTO_STR key = xasprintf("mr:{%s}:log", op->ep);
    AUTO_STR from = xasprintf("(%s", op->logs.last);
    const struct slice args[] = {SLICE("XRANGE"), slice_of(key),  slice_of(from),
                                 SLICE("+"),      SLICE("COUNT"), SLICE(PAGE_LINES)};
    store_command(op->node->store, &op->call, args, COUNT_OF(args), fn);
}

static void read_latest(struct op *op)
{
    bool is_filtered = op->logs.worker != NULL || op->logs.job != NULL;
    int64_t count = is_filtered ? LOG_LINES_MAX : op->logs.tail > 0 ? op->logs.tail : 1;
    AUTO_STR key = xasprintf("mr:{%s}:log", op->ep);
    AUTO_STR most = xasprintf("%lld", (long long)count);
    const struct slice args[] = {SLICE("XREVRANGE"), slice_of(key),  SLICE("+"),
                                 SLICE("-"),         SLICE("COUNT"), slice_of(most)};
    store_command(op->node->store, &op->call, args, COUNT_OF(args), logs_read);
}

void logs_start(struct op *op)
{
    AUTO_STR after = query_text(op, "after");
    op->logs.worker = query_text(op, "worker");
    op->logs.job = query_text(op, "job");
    op->logs.tail = wanted_tail(op);
    op->logs.is_following = is_true(op, "follow");
    op->logs.is_sse = accepts_events(http_header(op->request, "accept"));
    op->request->eof_is_gone = op->logs.is_following;
    op->logs.is_after = take_place(op, http_header(op->request, "last-event-id")) ||
                        take_place(op, slice_of(after));
    if (op->logs.is_after) {
        read_after(op, logs_read);
    } else {
        read_latest(op);
    }
}

static void begin_following(struct op *op, struct slice lines)
{
    http_stream_begin(op->request, &(struct http_answer){
                                       .status = 200,
                                       .content_type = op->logs.is_sse ? EVENTS : NDJSON,
                                       .headers = SLICE("Cache-Control: no-cache\r\n"
                                                        "X-Accel-Buffering: no\r\n"),
                                       .body = lines,
                                   });
    http_forget(op->request);
    timer_start(op->node->loop, &op->timer, LOOK_MS, logs_look);
}

static void logs_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    AUTO(buf_done) struct buf lines = BUF_INIT;
    struct line newest;
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    if (op->logs.is_after) {
        put_new(&lines, op, reply);
    } else {
        put_latest(&lines, op, reply);
        if (!read_line(reply, 0, &newest) || !take_place(op, newest.id)) {
            (void)take_place(op, SLICE("0"));
        }
    }
    if (op->logs.is_following) {
        begin_following(op, buf_slice(&lines));
        return;
    }
    op_reply(op, &(struct http_answer){.status = 200,
                                       .content_type = op->logs.is_sse ? EVENTS : NDJSON,
                                       .body = buf_slice(&lines)});
}

static void logs_look(struct timer *timer)
{
    struct op *op = container_of(timer, struct op, timer);
    if (op->node->is_draining) {
        op_end_stream(op);
        return;
    }
    timer_start(op->node->loop, timer, LOOK_MS, logs_look);
    if (!store_call_is_waiting(&op->call) && http_stream_backlog(op->request) < BACKLOG_MAX) {
        read_after(op, logs_looked);
    }
}

static void logs_looked(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    AUTO(buf_done) struct buf lines = BUF_INIT;
    if (err == ERR_OK) {
        put_new(&lines, op, reply);
    }
    op->logs.quiet_looks = lines.len > 0 ? 0 : op->logs.quiet_looks + 1;
    if (lines.len > 0) {
        http_stream_write(op->request, buf_slice(&lines));
    } else if (op->logs.is_sse && op->logs.quiet_looks % KEEP_ALIVE_LOOKS == 0) {
        http_stream_write(op->request, SLICE(": keep-alive\n\n"));
    }
}
