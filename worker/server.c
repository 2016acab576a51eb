/*   start -> probe the health path ... 200 -> fit: the slot is ready, jobs may come -> probe ...
 *
 * 200 means fit, any other answer not (204: still loading). A server that is silent may only be
 * busy, so it takes three probes without an answer until it gets no more jobs; what it works on
 * goes on. One that has been unfit for a minute and has no jobs is replaced. */
#include "server.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "gate.h"
#include "pod.h"
#include "slot.h"

#define STARTING_MS 200
#define STEADY_MS 2000
#define PROBE_MS 5000
#define SILENT_MAX 3
#define UNFIT_MS 60000
#define STOP_GRACE_MS 10000

static void server_probe(struct timer *timer);
static void server_probed(const struct fetch_result *result, void *arg);
static void server_judge(struct server *server, bool is_fit);

static const struct endpoint *endpoint_of(const struct server *server)
{
    return server->slot->group->endpoint;
}

/* A port that is free now; until the server takes it somebody else might, then it ends and starts
 * anew with another one. 0 when there is none. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return 0;
    }
    bool is_ok = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    (void)close(fd);
    return is_ok ? ntohs(address.sin_port) : 0;
}

struct server *server_new(struct slot *slot, struct buf *problem)
{
    int port = (int)slot->group->endpoint->server.port;
    bool is_pod = slot->group->agent->pod != NULL;
    port = port != 0 ? port : is_pod ? POD_SERVER_PORT : free_port();
    if (port == 0) {
        buf_put_str(problem, "no port is free for the server");
        return NULL;
    }
    struct server *server = xcalloc(1, sizeof(*server));
    server->slot = slot;
    server->port = port;
    list_init(&server->passages);
    return server;
}

void server_start(struct server *server)
{
    timer_start(server->slot->group->agent->loop, &server->timer, STARTING_MS, server_probe);
}

void server_free(struct server *server)
{
    if (server == NULL) {
        return;
    }
    timer_stop(&server->timer);
    gate_forget(server);
    if (server->probe != NULL) {
        fetch_cancel(server->probe);
    }
    free(server);
}

/* ---- health ---- */

static void server_probe(struct timer *timer)
{
    struct server *server = container_of(timer, struct server, timer);
    const struct endpoint *endpoint = endpoint_of(server);
    if (endpoint == NULL || !endpoint_is_server(endpoint)) { /* changed; it drains */
        return;
    }
    AUTO_STR url = xasprintf("http://127.0.0.1:%d%s", server->port, endpoint->server.health_path);
    struct fetch_request request = {
        .method = "GET", .url = url, .timeout_ms = PROBE_MS, .response_max = 65536};
    server->probe =
        fetch_start(server->slot->group->agent->fetcher, &request, server_probed, server);
}

static void server_probed(const struct fetch_result *result, void *arg)
{
    struct server *server = arg;
    struct slot *slot = server->slot;
    server->probe = NULL;
    bool is_steady = server->is_fit;
    server->silent = result->err == ERR_OK ? 0 : server->silent + 1;
    timer_start(slot->group->agent->loop, &server->timer, is_steady ? STEADY_MS : STARTING_MS,
                server_probe);
    if (result->err == ERR_OK) {
        server_judge(server, result->status == 200);
    } else if (server->silent >= SILENT_MAX || !server->is_fit) {
        server_judge(server, false);
    }
}

static bool is_lost(const struct server *server)
{
    const struct slot *slot = server->slot;
    uint64_t now = loop_now_ms(slot->group->agent->loop);
    return server->unfit_ms != 0 && now - server->unfit_ms > UNFIT_MS &&
           slot->state == SLOT_READY && slot_job_count(slot) == 0;
}

static void server_judge(struct server *server, bool is_fit)
{
    struct slot *slot = server->slot;
    uint64_t now = loop_now_ms(slot->group->agent->loop);
    if (server->is_fit != is_fit) {
        report_change(slot->group);
        log_info(is_fit ? "server.fit" : "server.unfit", "ep=%s worker=%s port=%d", slot->group->ep,
                 slot->worker, server->port);
        server->is_fit = is_fit;
        server->unfit_ms = is_fit ? 0 : now;
    }
    if (is_fit) {
        slot_polled(slot);
    }
    server_feed(server);
    if (is_lost(server)) {
        log_warn("worker.recycle", "worker=%s reason=\"its health path does not answer 200\"",
                 slot->worker);
        slot_stop(slot, FATE_REPLACE, STOP_GRACE_MS); /* the server lives until its process ends */
    }
}

/* ---- hunger ---- */

static size_t room(const struct server *server)
{
    const struct slot *slot = server->slot;
    const struct endpoint *endpoint = endpoint_of(server);
    if (!slot_is_open(slot) || !server->is_fit || endpoint == NULL ||
        !endpoint_is_server(endpoint) || endpoint->type != ENDPOINT_QUEUE) {
        return 0;
    }
    size_t most = (size_t)endpoint->server.concurrency, held = slot_job_count(slot);
    return held < most ? most - held : 0;
}

void server_feed(struct server *server)
{
    struct slot *slot = server->slot;
    struct taker *taker = &slot->group->taker;
    size_t wanted = room(server);
    if (wanted == 0) {
        list_each (at, &slot->takes) {
            taker_forget(taker, container_of(at, struct poll, link));
        }
        return;
    }
    struct poll *poll = list_is_empty(&slot->takes)
                            ? poll_new(slot, &slot->takes, NULL)
                            : container_of(slot->takes.next, struct poll, link);
    poll->wanted = wanted < BATCH_MAX ? wanted : BATCH_MAX;
    taker_add(taker, poll);
}

void server_passed(struct server *server)
{
    struct slot *slot = server->slot;
    if (server->passage_count <= 1) { /* busy or idle since now */
        slot->since_ms = loop_now_ms(slot->group->agent->loop);
    }
    report_change(slot->group);
    slot_check(slot);
}
