/* Finds route and process on the head of each request, so that a stranger's body is never read.
 * Answers that a handler would repeat at once (401, 404) come late: SDKs poll without a pause.
 *
 * What must never happen: bytes of one process count for another; so the token is per process and
 * the worker id in the path must be the token's. */
#include "plane.h"

#include "agent.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/log.h"
#include "intake.h"
#include "ping.h"
#include "pod.h"
#include "post.h"
#include "slot.h"
#include "stop.h"
#include "url.h"

#define REFUSE_MS 1000
#define REFUSE_SPREAD_MS 4000
#define PAUSE_MS 500

struct plane {
    struct agent *agent;
    struct http_server *server;
    int port;
};

struct route {
    const char *name;
    enum http_method method;
    void (*on_request)(struct slot *slot, struct http_request *request, const struct url *url);
};

static const struct route routes[] = {
    {"job-take", HTTP_GET, take_request},       {"job-take-batch", HTTP_GET, take_request},
    {"job-done", HTTP_POST, post_done_request}, {"job-stream", HTTP_POST, post_stream_request},
    {"job-stop", HTTP_GET, stop_request},       {"ping", HTTP_GET, ping_request},
};

/* ---- answers ---- */

static void answer(struct http_request *request, const struct http_answer *answer)
{
    request->op = NULL;
    request->on_gone = NULL;
    http_reply(request, answer);
}

void plane_answer(struct http_request *request, int status, struct slice body)
{
    answer(request, &(struct http_answer){.status = status, .body = body});
}

void plane_refuse(struct http_request *request, struct slice problem)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    buf_put_str(&body, "{\"error\":");
    buf_put_json_str(&body, problem);
    buf_put_char(&body, '}');
    answer(request, &(struct http_answer){.status = 503,
                                          .headers = SLICE("Retry-After: 2\r\n"),
                                          .body = buf_slice(&body),
                                          .must_close = true});
}

struct late {
    struct http_request *request;
    struct timer timer;
    int status;
};

/* A refusal closes: a handler may have sent its next chunks behind the refused one, and they must
 * not be taken before it. */
static void late_due(struct timer *timer)
{
    struct late *late = container_of(timer, struct late, timer);
    answer(late->request,
           &(struct http_answer){.status = late->status, .must_close = late->status >= 400});
    free(late);
}

static void late_gone(struct http_request *request)
{
    struct late *late = request->op;
    timer_stop(&late->timer);
    free(late);
}

void plane_answer_later(struct loop *loop, struct http_request *request, int status,
                        uint64_t delay_ms)
{
    struct late *late = xcalloc(1, sizeof(*late));
    late->request = request;
    late->status = status;
    request->op = late;
    request->on_gone = late_gone;
    timer_start(loop, &late->timer, delay_ms, late_due);
}

/* ---- requests ---- */

static const struct route *find_route(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (slice_is(name, routes[i].name)) {
            return &routes[i];
        }
    }
    return NULL;
}

static struct slot *find_slot(const struct plane *plane, const struct url *url)
{
    struct map_node *node = map_get(&plane->agent->workers, url->worker);
    struct slot *slot = node != NULL ? container_of(node, struct slot, node) : NULL;
    return slot != NULL && slice_eq(url->ep, group_ep(slot->group)) ? slot : NULL;
}

static bool has_token(const struct http_request *request, const struct slot *slot)
{
    static const struct slice bearer = SLICE("Bearer ");
    struct slice given = http_header(request, "authorization");
    if (slice_starts(given, bearer)) {
        given = slice_from(given, bearer.len);
    }
    return digest_eq(given, slice_of(slot->token));
}

static void refuse(const struct plane *plane, struct http_request *request, int status)
{
    uint16_t random = 0;
    id_random(&random, sizeof(random));
    plane_answer_later(plane->agent->loop, request, status,
                       REFUSE_MS + (status == 401 ? random % REFUSE_SPREAD_MS : 0));
}

/* The handler of a pod runs whether it is wanted or not, and comes back with the same name: while
 * it is not served there is nothing for it to do, and nothing that it brings is of use. */
static bool is_paused(const struct plane *plane, const struct slot *slot,
                      const struct http_request *request)
{
    struct pod *pod = plane->agent->pod;
    if (pod == NULL || (slot != NULL && !has_token(request, slot))) {
        return false;
    }
    if (slot != NULL) {
        pod_heard(pod);
    }
    return slot == NULL || !pod_is_up(pod);
}

static void on_head(struct http_request *request, void *arg)
{
    const struct plane *plane = arg;
    struct url url;
    const struct route *route = NULL;
    if (url_parse(request->path, request->query, &url) == ERR_OK) {
        route = find_route(url.operation);
    }
    if (route == NULL) {
        refuse(plane, request, 404);
        return;
    }
    struct slot *slot = find_slot(plane, &url);
    if (is_paused(plane, slot, request)) {
        int status = request->method == HTTP_GET ? 204 : 200;
        plane_answer_later(plane->agent->loop, request, status, PAUSE_MS);
    } else if (slot == NULL || !has_token(request, slot)) {
        refuse(plane, request, 401);
    } else if (request->method != route->method) {
        refuse(plane, request, 405);
    } else if (route->method == HTTP_POST) {
        post_head(slot, request, &url);
    } else {
        request->eof_is_gone = true;
        http_accept(request, 4096);
    }
}

static void on_body(struct http_request *request, size_t bytes, void *arg)
{
    (void)arg;
    if (request->method == HTTP_POST) {
        intake_grew(request, bytes);
    }
}

static void on_request(struct http_request *request, void *arg)
{
    const struct plane *plane = arg;
    struct url url;
    struct slot *slot = NULL;
    if (request->method == HTTP_POST) {
        intake_over(request);
    }
    if (url_parse(request->path, request->query, &url) == ERR_OK) {
        slot = find_slot(plane, &url);
    }
    const struct route *route = slot != NULL ? find_route(url.operation) : NULL;
    if (route == NULL) { /* its process ended while the body came */
        plane_answer(request, 200, SLICE("{}"));
        return;
    }
    route->on_request(slot, request, &url);
}

/* ---- life ---- */

enum err plane_new(struct agent *agent, struct plane **ret_plane)
{
    static const struct http_handlers handlers = {
        .on_head = on_head, .on_body = on_body, .on_request = on_request};
    /* Handlers keep connections for as long as they like; results may come slowly. */
    static const struct http_config config = {.idle_ms = 3600000, .body_ms = 300000};
    struct plane *plane = xcalloc(1, sizeof(*plane));
    plane->agent = agent;
    plane->server = http_server_new(agent->loop, &config, &handlers, plane);
    int port = agent->config.pod != NULL ? (int)agent->config.pod->plane_port : 0;
    enum err err = http_server_listen(plane->server, "127.0.0.1", port, &plane->port);
    if (err != ERR_OK) {
        plane_close(plane);
        return err;
    }
    *ret_plane = plane;
    return ERR_OK;
}

int plane_port(const struct plane *plane)
{
    return plane->port;
}

bool plane_has_connection(const struct plane *plane, uint64_t number)
{
    return http_server_has_connection(plane->server, number);
}

void plane_close(struct plane *plane)
{
    if (plane != NULL) {
        http_server_close(plane->server);
        free(plane);
    }
}
