/*   start -> head of the answer and first piece -> pieces ... -> end
 *
 * An answer without a body is written whole, all others are streamed. What breaks in the middle is
 * cut off, so that the client does not take the half for the whole. */
#include "net/relay.h"

#include "net/hop.h"

#define BACKLOG_MAX ((size_t)1 << 20)
#define ROOM_MS 10

static void relay_data(struct fetch *fetch, struct slice bytes, void *arg);
static void relay_room(struct timer *timer);
static void relay_answered(const struct fetch_result *result, void *arg);
static void relay_finish(struct relay *relay, enum relay_end end, enum err err,
                         const char *problem);

/* ---- headers ---- */

struct lines {
    char **items; /* owned, NULL-terminated */
    size_t count;
};

static void lines_done(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->items[i]);
    }
    free(lines->items);
}
AUTO_DEFINE_EMBEDDED(lines_done, struct lines)

static void put_line(struct lines *lines, char *line)
{
    lines->items = xrealloc(lines->items, (lines->count + 2) * sizeof(*lines->items));
    lines->items[lines->count++] = line;
    lines->items[lines->count] = NULL;
}

/* curl adds a Content-Type to bodies unless it is told one, or none. */
static void put_request_headers(struct lines *lines, const struct http_request *request,
                                const struct relay_target *target)
{
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (!hop_is_own(header->name) &&
            (target->is_dropped == NULL || !target->is_dropped(header->name))) {
            put_line(lines, header->value.len > 0 ? xasprintf("%.*s: %.*s", SLICE_ARG(header->name),
                                                              SLICE_ARG(header->value))
                                                  : xasprintf("%.*s;", SLICE_ARG(header->name)));
        }
    }
    for (const char *const *at = target->headers; at != NULL && *at != NULL; at++) {
        put_line(lines, xstrdup(*at));
    }
    if (http_header(request, "content-type").ptr == NULL) {
        put_line(lines, xstrdup("Content-Type:"));
    }
}

/* ---- way there ---- */

void relay_start(struct relay *relay, struct http_request *request,
                 const struct relay_target *target, relay_fn fn)
{
    ensure(relay->fetch == NULL);
    AUTO(lines_done) struct lines lines = {0};
    AUTO_STR method = slice_dup(request->method_name);
    struct buf body = BUF_INIT;
    put_request_headers(&lines, request, target);
    (void)buf_put_slice(&body, request->body);
    bool has_body = body.len > 0 || (request->method & (HTTP_POST | HTTP_PUT | HTTP_PATCH)) != 0;
    struct fetch_request fetch = {
        .method = method,
        .url = target->url,
        .headers = (const char *const *)lines.items,
        .body = has_body ? &body : NULL,
        .is_once = (request->method & (HTTP_GET | HTTP_HEAD | HTTP_OPTIONS)) == 0,
        .timeout_ms = target->timeout_ms,
        .on_data = relay_data,
    };
    *relay = (struct relay){.request = request, .loop = target->loop, .fn = fn};
    relay->reply_headers = xstrdup(target->reply_headers);
    relay->fetch = fetch_start(target->fetcher, &fetch, relay_answered, relay);
    buf_done(&body);
}

void relay_cancel(struct relay *relay)
{
    if (relay->fetch != NULL) {
        fetch_cancel(relay->fetch);
    }
    timer_stop(&relay->room_timer);
    free(relay->reply_headers);
    *relay = (struct relay){0};
}

bool relay_is_running(const struct relay *relay)
{
    return relay->request != NULL;
}

/* ---- way back ---- */

/* What goes before the body; the texts live in the caller's buffers. */
static struct http_answer head_of(const struct relay *relay, int status, struct slice head,
                                  struct buf *headers, struct buf *type)
{
    hop_put_reply_headers(headers, head);
    (void)buf_put_str(headers, relay->reply_headers);
    (void)buf_put_slice(type, hop_reply_type(head, "application/octet-stream"));
    (void)buf_put_char(type, '\0');
    return (struct http_answer){
        .status = status, .content_type = type->ptr, .headers = buf_slice(headers)};
}

static bool is_refusal(struct slice head)
{
    return fetch_header(head, RELAY_REFUSED).len > 0;
}

static void relay_data(struct fetch *fetch, struct slice bytes, void *arg)
{
    struct relay *relay = arg;
    if (!relay->has_begun && is_refusal(fetch_head(fetch))) {
        return;
    }
    if (!relay->has_begun) {
        AUTO(buf_done) struct buf headers = BUF_INIT;
        AUTO(buf_done) struct buf type = BUF_INIT;
        struct http_answer answer =
            head_of(relay, fetch_status(fetch), fetch_head(fetch), &headers, &type);
        relay->has_begun = true;
        http_stream_begin(relay->request, &answer);
    }
    http_stream_write(relay->request, bytes);
    if (http_stream_backlog(relay->request) > BACKLOG_MAX) {
        fetch_pause(fetch);
        timer_start(relay->loop, &relay->room_timer, ROOM_MS, relay_room);
    }
}

static void relay_room(struct timer *timer)
{
    struct relay *relay = container_of(timer, struct relay, room_timer);
    if (http_stream_backlog(relay->request) > BACKLOG_MAX / 2) {
        timer_start(relay->loop, timer, ROOM_MS, relay_room);
    } else {
        fetch_resume(relay->fetch);
    }
}

static void reply_empty(struct relay *relay, const struct fetch_result *result)
{
    AUTO(buf_done) struct buf headers = BUF_INIT;
    AUTO(buf_done) struct buf type = BUF_INIT;
    struct http_answer answer = head_of(relay, result->status, result->head, &headers, &type);
    relay->request->on_gone = NULL;
    http_reply(relay->request, &answer);
}

static void relay_answered(const struct fetch_result *result, void *arg)
{
    struct relay *relay = arg;
    relay->fetch = NULL;
    if (!relay->has_begun && (result->err != ERR_OK || is_refusal(result->head))) {
        relay_finish(relay, RELAY_UNREACHED, result->err,
                     result->err != ERR_OK ? result->problem : "refused");
        return;
    }
    if (!relay->has_begun) {
        reply_empty(relay, result);
    } else {
        relay->request->on_gone = NULL;
        if (result->err == ERR_OK) {
            http_stream_end(relay->request);
        } else {
            http_stream_cut(relay->request);
        }
    }
    relay_finish(relay, RELAY_DONE, result->err, NULL);
}

static void relay_finish(struct relay *relay, enum relay_end end, enum err err, const char *problem)
{
    relay_fn fn = relay->fn;
    relay_cancel(relay);
    fn(relay, end, err, problem);
}
