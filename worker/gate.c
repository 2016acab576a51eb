/*   head: secret, worker -> body -> relay to 127.0.0.1 -> count down
 *
 * A worker that is not there or not fit is refused in a way that the API node knows
 * (RELAY_REFUSED), so that it asks another one. A server with requests in hand counts as busy: it
 * is neither surplus nor stopped while it drains. WebSockets, which may stay for ever, are cut some
 * time after it has begun to drain. */
#include "gate.h"

#include <stdio.h>

#include "agent.h"
#include "base/config.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/log.h"
#include "net/relay.h"
#include "net/tunnel.h"
#include "server.h"
#include "slot.h"

struct gate {
    struct agent *agent;
    struct http_server *server;
    char address[300];
    char secret[49];
};

struct passage {
    struct list link;      /* server.passages */
    struct server *server; /* NULL once its process has ended */
    struct http_request *request;
    struct relay relay;
    struct tunnel *tunnel;    /* instead of it, for WebSockets; NULL: none */
    struct timer grace_timer; /* of a WebSocket whose worker is to go */
};

static void gate_refuse(struct http_request *request, int status, const char *body);
static void passage_start(struct gate *gate, struct server *server, struct http_request *request);
static void passage_relayed(struct relay *relay, enum relay_end end, enum err err,
                            const char *problem);
static void passage_tunnelled(void *arg, enum relay_end end, enum err err, const char *problem);
static void passage_ended(struct passage *passage, enum relay_end end, enum err err,
                          const char *problem);
static void passage_gone(struct http_request *request);
static void passage_free(struct passage *passage);

static struct server *find_server(const struct gate *gate, const struct http_request *request)
{
    struct map_node *node = map_get(&gate->agent->workers, http_header(request, GATE_WORKER));
    struct slot *slot = node != NULL ? container_of(node, struct slot, node) : NULL;
    return slot != NULL && slot->server != NULL && slot_is_open(slot) && slot->server->is_fit
               ? slot->server
               : NULL;
}

static void on_head(struct http_request *request, void *arg)
{
    const struct gate *gate = arg;
    if (!digest_eq(http_header(request, GATE_SECRET), slice_of(gate->secret))) {
        gate_refuse(request, 401, "{\"error\":\"unknown\"}");
    } else if (find_server(gate, request) == NULL) {
        gate_refuse(request, 503, "{\"error\":\"no such worker\"}");
    } else {
        request->eof_is_gone = true;
        http_accept(request, GATE_BODY_MAX);
    }
}

static void on_request(struct http_request *request, void *arg)
{
    struct gate *gate = arg;
    struct server *server = find_server(gate, request);
    if (server == NULL) { /* it ended while the body came */
        gate_refuse(request, 503, "{\"error\":\"no such worker\"}");
    } else {
        passage_start(gate, server, request);
    }
}

static void gate_refuse(struct http_request *request, int status, const char *body)
{
    http_reply(request, &(struct http_answer){.status = status,
                                              .headers = SLICE(RELAY_REFUSED ": 1\r\n"),
                                              .body = slice_of(body)});
}

/* ---- passages ---- */

static bool is_ours(struct slice name)
{
    return slice_eq_nocase(name, SLICE(GATE_SECRET)) || slice_eq_nocase(name, SLICE(GATE_WORKER));
}

static void tunnel_through(struct passage *passage, const struct gate *gate)
{
    struct http_request *request = passage->request;
    AUTO_STR address = xasprintf("127.0.0.1:%d", passage->server->port);
    struct tunnel_target target = {.loop = gate->agent->loop,
                                   .address = address,
                                   .path = request->path,
                                   .query = request->query,
                                   .is_dropped = is_ours,
                                   .reply_headers = "",
                                   .answer_ms = GATE_TIMEOUT_MS,
                                   .idle_ms = GATE_IDLE_MS};
    passage->tunnel = tunnel_start(request, &target, passage_tunnelled, passage);
}

static void relay_through(struct passage *passage, const struct gate *gate)
{
    struct http_request *request = passage->request;
    AUTO_STR url =
        xasprintf("http://127.0.0.1:%d%.*s%s%.*s", passage->server->port, SLICE_ARG(request->path),
                  request->query.len > 0 ? "?" : "", SLICE_ARG(request->query));
    struct relay_target target = {
        .fetcher = gate->agent->fetcher,
        .loop = gate->agent->loop,
        .url = url,
        .is_dropped = is_ours,
        .reply_headers = "",
        .timeout_ms = GATE_TIMEOUT_MS,
    };
    relay_start(&passage->relay, request, &target, passage_relayed);
}

static void passage_start(struct gate *gate, struct server *server, struct http_request *request)
{
    struct passage *passage = xcalloc(1, sizeof(*passage));
    passage->server = server;
    passage->request = request;
    request->op = passage;
    request->on_gone = passage_gone;
    list_push(&server->passages, &passage->link);
    server->passage_count++;
    server_passed(server);
    if (tunnel_is_wanted(request)) {
        tunnel_through(passage, gate);
    } else {
        relay_through(passage, gate);
    }
}

/* Its process has just ended: another worker may have the request when this one cannot have begun
 * it, or when that does no harm. */
static bool may_move(const struct http_request *request, enum err err)
{
    bool is_safe = (request->method & (HTTP_GET | HTTP_HEAD | HTTP_OPTIONS)) != 0;
    return err == ERR_REFUSED || (is_safe && err != ERR_NO_ANSWER && err != ERR_TOO_LARGE);
}

static void passage_relayed(struct relay *relay, enum relay_end end, enum err err,
                            const char *problem)
{
    passage_ended(container_of(relay, struct passage, relay), end, err, problem);
}

static void passage_tunnelled(void *arg, enum relay_end end, enum err err, const char *problem)
{
    struct passage *passage = arg;
    passage->tunnel = NULL;
    passage_ended(passage, end, err, problem);
}

static void passage_ended(struct passage *passage, enum relay_end end, enum err err,
                          const char *problem)
{
    if (end == RELAY_UNREACHED && may_move(passage->request, err)) {
        passage->request->on_gone = NULL;
        gate_refuse(passage->request, 503, "{\"error\":\"no such worker\"}");
    } else if (end == RELAY_UNREACHED) {
        AUTO(buf_done) struct buf body = BUF_INIT;
        buf_put_str(&body, "{\"error\":");
        buf_put_json_str(&body, slice_of(problem));
        buf_put_char(&body, '}');
        passage->request->on_gone = NULL;
        http_reply(passage->request,
                   &(struct http_answer){.status = err == ERR_NO_ANSWER ? 504 : 502,
                                         .body = buf_slice(&body)});
    }
    passage_free(passage);
}

static void passage_gone(struct http_request *request)
{
    passage_free(request->op);
}

static void passage_free(struct passage *passage)
{
    struct server *server = passage->server;
    relay_cancel(&passage->relay);
    tunnel_cancel(passage->tunnel);
    timer_stop(&passage->grace_timer);
    list_unlink(&passage->link);
    free(passage);
    if (server != NULL) {
        server->passage_count--;
        server_passed(server);
    }
}

void gate_forget(struct server *server)
{
    struct list *link;
    while ((link = list_pop(&server->passages)) != NULL) {
        container_of(link, struct passage, link)->server = NULL;
    }
}

static void grace_over(struct timer *timer)
{
    struct passage *passage = container_of(timer, struct passage, grace_timer);
    if (passage->tunnel != NULL && passage->server != NULL &&
        !slot_is_open(passage->server->slot)) {
        log_info("lb.cut", "worker=%s reason=\"its worker is to go\"",
                 passage->server->slot->worker);
        tunnel_cut(passage->tunnel);
    }
}

void gate_drain(struct server *server)
{
    const struct agent *agent = server->slot->group->agent;
    list_each (at, &server->passages) {
        struct passage *passage = container_of(at, struct passage, link);
        if (passage->tunnel != NULL) {
            timer_start(agent->loop, &passage->grace_timer, agent->config.lb_grace_ms, grace_over);
        }
    }
}

/* ---- life ---- */

/* Where others reach it: a listener on all addresses is known by the host's name. */
static void set_address(struct gate *gate, const char *host, int port)
{
    bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    (void)snprintf(gate->address, sizeof(gate->address), "%s:%d", is_any ? gate->agent->host : host,
                   port);
}

enum err gate_new(struct agent *agent, const char *host_port, struct gate **ret_gate,
                  struct buf *problem)
{
    static const struct http_handlers handlers = {.on_head = on_head, .on_request = on_request};
    static const struct http_config config = {0};
    char host[256];
    int port = 0;
    if (config_split_host_port(host_port, host, sizeof(host), &port) != ERR_OK) {
        buf_put_str(problem, "use HOST:PORT");
        return ERR_BAD_REQUEST;
    }
    struct gate *gate = xcalloc(1, sizeof(*gate));
    gate->agent = agent;
    id_hex(gate->secret, 24);
    gate->server = http_server_new(agent->loop, &config, &handlers, gate);
    enum err err = http_server_listen(gate->server, host, port, &port);
    if (err != ERR_OK) {
        buf_put_str(problem, err_text(err));
        gate_close(gate);
        return err;
    }
    set_address(gate, host, port);
    *ret_gate = gate;
    return ERR_OK;
}

void gate_close(struct gate *gate)
{
    if (gate != NULL) {
        http_server_close(gate->server);
        free(gate);
    }
}

void gate_put_json(const struct gate *gate, struct buf *out)
{
    buf_put_str(out, "{\"address\":");
    buf_put_json_str(out, slice_of(gate->address));
    buf_printf(out, ",\"secret\":\"%s\"}", gate->secret);
}
