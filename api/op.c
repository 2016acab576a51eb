/* The way of every request: find the route -> who asks? (401) -> which endpoint? (404) -> may they?
 * (403) -> not too often? (429) -> accept the body (413) -> start the operation. All but the start
 * happens on the head, so that a request that will be refused is refused before its body is read.
 */
#include "op.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "meter.h"
#include "net/gate.h"
#include "ops/openai_error.h"
#include "queue/glance.h"
#include "reply.h"
#include "route.h"

#define SMALL_BODY_MAX ((size_t)128 * 1024)

static void op_authenticate(struct op *op);
static void op_authenticated(struct store_call *call, enum err err, const struct reply *reply);
static void op_identify(struct op *op);
static void op_find_endpoint(struct op *op);
static void op_found_endpoint(struct store_call *call, enum err err, const struct reply *reply);
static void op_authorize(struct op *op);
static void op_limit(struct op *op);
static void op_accept(struct op *op);

bool op_body_fits(struct op *op, size_t bytes)
{
    struct bodies *bodies = &op->node->bodies;
    op_body_over(op);
    size_t weight = bodies_weight(bytes);
    if (!bodies_have_room(bodies, bodies->used, weight)) {
        struct buf problem = BUF_INIT;
        bodies_put_problem(bodies, &problem);
        AUTO_STR text = buf_take_str(&problem);
        op_reply_error(op, ERR_NO_ROOM, text);
        return false;
    }
    op->body_weight = weight;
    bodies->used += weight;
    return true;
}

void op_body_over(struct op *op)
{
    op->node->bodies.used -= op->body_weight;
    op->body_weight = 0;
    turn_leave(&op->turn);
}

static void op_free(struct op *op)
{
    double seconds = (double)(clock_mono_us() - op->began_us) / 1e6;
    meter_count(op->node->meter, op->route->path, op->status > 0 ? op->status : METER_GONE,
                seconds);
    watch_leave(&op->waiter);
    tail_leave(&op->reader);
    flight_leave(&op->flight);
    timer_stop(&op->timer);
    store_detach(&op->call);
    glance_free(op->glance);
    catalog_unref(op->entry);
    buf_done(&op->document);
    if (op->list != NULL) {
        *op->list = NULL;
    }
    op_body_over(op);
    free(op->logs.worker);
    free(op->logs.job);
    spares_give(&op->node->ops, op);
}

static void on_gone(struct http_request *request)
{
    struct op *op = request->op;
    if (op->on_gone != NULL) {
        op->on_gone(op);
    }
    op_free(op);
}

static bool copy_segment(char *out, size_t size, struct slice segment)
{
    if (segment.len >= size || (segment.len > 0 && !id_is_valid(segment))) {
        return false;
    }
    memcpy(out, segment.ptr ? segment.ptr : "", segment.len);
    return true;
}

static void refuse_method(struct http_request *request, unsigned allowed)
{
    AUTO(buf_done) struct buf headers = BUF_INIT;
    AUTO(buf_done) struct buf names = BUF_INIT;
    route_allow(allowed, &names);
    (void)buf_printf(&headers, "Allow: %.*s\r\n", SLICE_ARG(buf_slice(&names)));
    char detail[128];
    (void)snprintf(detail, sizeof(detail), "method not allowed here: use %.*s",
                   SLICE_ARG(buf_slice(&names)));
    reply_error_headers(request, ERR_METHOD_NOT_ALLOWED, detail, buf_slice(&headers));
}

void op_begin(struct http_request *request, struct node *node)
{
    struct route_match match;
    enum err err = route_find(request->method, request->path, &match);
    if (err == ERR_METHOD_NOT_ALLOWED) {
        refuse_method(request, match.allowed);
        return;
    }
    if (err != ERR_OK) {
        reply_error(request, err, "there is nothing at this path");
        return;
    }
    struct op *op = spares_take(&node->ops);
    op->request = request;
    op->node = node;
    op->began_us = clock_mono_us();
    op->route = match.route;
    turn_init(&op->turn);
    request->op = op;
    request->on_gone = on_gone;
    if (!copy_segment(op->ep, sizeof(op->ep), match.ep)) {
        op_reply_error(op, ERR_NOT_FOUND, "there is no such endpoint");
    } else if (!copy_segment(op->id, sizeof(op->id), match.id)) {
        op_reply_error(op, ERR_NOT_FOUND, "there is no such id");
    } else {
        op_authenticate(op);
    }
}

/* What a permission is looked up for: the endpoint, also where the path calls it an id. */
static struct slice op_subject(const struct op *op)
{
    return op->ep[0] != '\0' ? op_ep(op) : op_id(op);
}

static enum permit op_needs(const struct op *op)
{
    if (op->route->needs != PERMIT_LOCAL) {
        return op->route->needs;
    }
    return op->request->is_loopback ? PERMIT_NONE : PERMIT_MANAGE;
}

static void op_authenticate(struct op *op)
{
    struct slice key = auth_key(op->request);
    if (op_needs(op) == PERMIT_NONE ||
        auth_check(op->node->auth, key, op_subject(op), &op->access)) {
        op_identify(op);
        return;
    }
    auth_ask(op->node->auth, key, &op->call, op_authenticated);
}

static void op_authenticated(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    struct slice key = auth_key(op->request);
    auth_asked(op->node->auth, key, reply);
    ensure(auth_check(op->node->auth, key, op_subject(op), &op->access));
    op_identify(op);
}

static void op_identify(struct op *op)
{
    if (op->access.is_known || op_needs(op) == PERMIT_NONE) {
        op_find_endpoint(op);
        return;
    }
    op_reply_error(op, ERR_UNAUTHORIZED,
                   auth_key(op->request).len == 0
                       ? "missing API key: send the header Authorization: Bearer KEY"
                       : "invalid API key: it is unknown, revoked or expired");
}

static void op_find_endpoint(struct op *op)
{
    if (op->ep[0] == '\0') {
        op_authorize(op);
        return;
    }
    op->entry = catalog_get(op->node->catalog, op_ep(op));
    if (op->entry != NULL) {
        op_authorize(op);
    } else {
        catalog_load(op->node->catalog, op_ep(op), &op->call, op_found_endpoint);
    }
}

static void op_found_endpoint(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    if (err == ERR_OK) {
        err = catalog_loaded(op->node->catalog, reply, &op->entry);
    }
    if (err == ERR_OK) {
        op_authorize(op);
    } else if (err == ERR_NOT_FOUND) {
        op_reply_error(op, err, "there is no such endpoint");
    } else {
        op_reply_store_error(op, err);
    }
}

static void op_authorize(struct op *op)
{
    enum permit needs = op_needs(op);
    if ((op->access.permits & needs) == needs) {
        op_limit(op);
        return;
    }
    bool is_one = needs != PERMIT_MANAGE;
    char detail[ID_MAX + 96];
    (void)snprintf(detail, sizeof(detail), "this API key lacks the scope \"%s\" on %.*s%s\"*\"",
                   permit_name(needs), SLICE_ARG(is_one ? op_subject(op) : SLICE("")),
                   is_one ? " or " : "");
    op_reply_error(op, ERR_FORBIDDEN, detail);
}

static void op_limit(struct op *op)
{
    enum limit_group group = op->route->group;
    const struct endpoint *endpoint = op->entry != NULL ? op->entry->endpoint : NULL;
    bool is_job = group == LIMIT_RUN || group == LIMIT_RUNSYNC || group == LIMIT_OPENAI;
    if (is_job && endpoint != NULL && endpoint->type == ENDPOINT_LOAD_BALANCER) {
        op_reply_error(op, ERR_BAD_REQUEST, "not allowed for LB API: use /lb/ENDPOINT/...");
        return;
    }
    bool is_limited =
        group != LIMIT_NONE && endpoint != NULL &&
        (endpoint->limits[group].per_10s > 0 || endpoint->limits[group].concurrent > 0);
    if (is_limited) {
        auth_tag(auth_key(op->request), op->key_tag);
    }
    if (!is_limited ||
        flight_enter(op->node->limits, &op->flight, endpoint, group, slice_of(op->key_tag))) {
        op_accept(op);
        return;
    }
    char detail[128];
    (void)snprintf(detail, sizeof(detail), "too many %s requests in flight: at most %lld",
                   limit_group_name(group), (long long)endpoint->limits[group].concurrent);
    op_reply_error(op, ERR_LIMITED, detail);
}

static size_t body_max(const struct op *op)
{
    const struct endpoint *endpoint = op->entry != NULL ? op->entry->endpoint : NULL;
    switch (op->route->body) {
    case BODY_RUN:
        return (size_t)endpoint->run_bytes;
    case BODY_RUNSYNC:
        return (size_t)endpoint->runsync_bytes;
    case BODY_GATE:
        return GATE_BODY_MAX;
    case BODY_SMALL:
        break;
    }
    return SMALL_BODY_MAX;
}

static void op_accept(struct op *op)
{
    size_t max = body_max(op);
    if (op->request->content_length > (int64_t)max) {
        char detail[HTTP_TOO_LARGE_SIZE];
        http_too_large(max, detail);
        op_reply_error(op, ERR_TOO_LARGE, detail);
        return;
    }
    int64_t announced = op->request->content_length;
    if (op_body_fits(op, announced > 0 ? (size_t)announced : 0)) {
        http_accept(op->request, max);
    }
}

/* ---- the ends ---- */

void op_reply(struct op *op, const struct http_answer *answer)
{
    struct http_request *request = op->request;
    request->on_gone = NULL;
    op->status = answer->status;
    http_reply(request, answer);
    op_free(op);
}

void op_release(struct op *op)
{
    op->status = METER_RELAYED;
    op_free(op);
}

void op_end_stream(struct op *op)
{
    struct http_request *request = op->request;
    request->on_gone = NULL;
    op->status = 200;
    http_stream_end(request);
    op_free(op);
}

void op_reply_json(struct op *op, int status, struct slice body)
{
    op_reply(op, &(struct http_answer){.status = status, .body = body});
}

/* Clients of OpenAI's API read errors in another shape. */
static void op_refuse(struct op *op, enum err err, const char *detail, struct slice headers)
{
    struct http_request *request = op->request;
    request->on_gone = NULL;
    op->status = err_http_status(err);
    if (op->route->group == LIMIT_OPENAI) {
        AUTO(buf_done) struct buf body = BUF_INIT;
        int status = err_http_status(err);
        openai_error_put(&body, status, slice_of(detail != NULL ? detail : err_text(err)));
        http_reply(request, &(struct http_answer){
                                .status = status, .headers = headers, .body = buf_slice(&body)});
    } else {
        reply_error_headers(request, err, detail, headers);
    }
    op_free(op);
}

void op_reply_error(struct op *op, enum err err, const char *detail)
{
    int status = err_http_status(err);
    op_refuse(op, err, detail,
              status == 429 || status == 503 ? SLICE("Retry-After: 2\r\n") : SLICE(""));
}

void op_reply_store_error(struct op *op, enum err err)
{
    char detail[400];
    (void)snprintf(detail, sizeof(detail), "%s: %s", err_text(err), store_problem(op->node->store));
    if (err_http_status(err) >= 500) {
        log_warn("request.failed", "path=%s error=%s", log_quote(op->request->path),
                 log_quote(slice_of(detail)));
    }
    op_reply_error(op, err, detail);
}

struct rate op_rate(const struct op *op)
{
    return flight_rate(&op->flight, op->entry->endpoint, op->route->group);
}

bool op_is_limited(struct op *op, enum err err, const struct reply *reply)
{
    int64_t ms = err == ERR_OK ? queue_limited_ms(reply) : 0;
    if (ms <= 0) {
        return false;
    }
    enum limit_group group = op->route->group;
    char detail[128], headers[48];
    (void)snprintf(detail, sizeof(detail), "rate limit exceeded: %lld %s requests in 10 s",
                   (long long)op->entry->endpoint->limits[group].per_10s, limit_group_name(group));
    (void)snprintf(headers, sizeof(headers), "Retry-After: %lld\r\n", (long long)(ms + 999) / 1000);
    op_refuse(op, ERR_LIMITED, detail, slice_of(headers));
    return true;
}

void op_reply_job(struct op *op, const struct job_view *job)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    job_put_object(&body, job);
    op_reply_json(op, 200, buf_slice(&body));
}

uint64_t op_wait_ms(const struct op *op, uint64_t otherwise, uint64_t max)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    int64_t wait_ms;
    if (!http_query(op->request->query, "wait", &text) ||
        slice_to_i64(buf_slice(&text), &wait_ms) != ERR_OK) {
        return otherwise;
    }
    return wait_ms < 1000 ? 1000 : (uint64_t)wait_ms > max ? max : (uint64_t)wait_ms;
}

bool op_has_query(const struct op *op, const char *name)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    return http_query(op->request->query, name, &text);
}

bool op_has_failed(struct op *op, enum err err)
{
    if (err == ERR_NOT_FOUND) {
        op_reply_error(op, err,
                       op->is_sync ? "the job of this request has expired: with another "
                                     "Idempotency-Key it would run again"
                                   : "there is no such job, or it has expired");
    } else if (err != ERR_OK) {
        op_reply_store_error(op, err);
    }
    return err != ERR_OK;
}

bool op_read_outcome(struct op *op, enum err err, const struct reply *reply,
                     enum submit_outcome *ret_outcome, struct slice *ret_first_id)
{
    if (op_is_limited(op, err, reply)) {
        return false;
    }
    if (err == ERR_OK) {
        err = queue_submit_result(reply, ret_outcome, ret_first_id);
    }
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
    }
    return err == ERR_OK;
}

bool op_read_job(struct op *op, enum err err, const struct reply *reply, struct job_view *ret_job)
{
    if (op_is_limited(op, err, reply)) {
        return false;
    }
    if (err == ERR_OK) {
        err = queue_read_result(reply, op_id(op), ret_job);
    }
    return !op_has_failed(op, err);
}
