/* /lb/EP/...: any request, passed on to a worker's own HTTP server.
 *
 *   pick -> (wait for a worker) -> relay through the agent's gate -> answer
 *              ^------------- it could not be reached -----'
 *
 * No queue and no retry: a request that has reached a server is its business. It waits for a worker
 * at most node.lb_wait_ms, and not at all when the endpoint may have none. */
#include <stdio.h>

#include "base/log.h"
#include "net/gate.h"
#include "net/relay.h"
#include "net/tunnel.h"
#include "ops/ops.h"
#include "pool.h"

#define WORKER_HEADER "X-Runpod-Worker-Id"
#define TRIES_MAX 5

struct lb {
    struct op *op;
    struct pool_waiter waiter;
    struct pool_worker *worker; /* counted there */
    struct affinity affinity;
    struct relay relay;
    struct tunnel *tunnel; /* instead of it, for WebSockets; NULL: none */
    unsigned tries;
};

static void lb_pick(struct lb *lb);
static void lb_news(struct pool_waiter *waiter);
static void lb_over(struct timer *timer);
static void lb_send(struct lb *lb);
static void lb_relayed(struct relay *relay, enum relay_end end, enum err err, const char *problem);
static void lb_tunnelled(void *arg, enum relay_end end, enum err err, const char *problem);
static void lb_ended(struct lb *lb, enum relay_end end, enum err err, const char *problem);
static void lb_gone(struct op *op);
static void lb_refuse(struct lb *lb, int status, const char *body);

void lb_start(struct op *op)
{
    if (op->entry->endpoint->type != ENDPOINT_LOAD_BALANCER) {
        op_reply_json(op, 400, SLICE("{\"error\":\"not allowed for QB API\"}"));
        return;
    }
    struct lb *lb = xcalloc(1, sizeof(*lb));
    lb->op = op;
    lb->affinity = affinity_read(http_header(op->request, WORKER_HEADER));
    op->lb = lb;
    op->on_gone = lb_gone;
    op->request->eof_is_gone = true;
    bool has_workers = op->entry->endpoint->workers_max > 0;
    timer_start(op->node->loop, &op->timer, has_workers ? op->node->lb_wait_ms : 0, lb_over);
    lb_pick(lb);
}

static void lb_free(struct lb *lb)
{
    pool_leave(&lb->waiter);
    relay_cancel(&lb->relay);
    tunnel_cancel(lb->tunnel);
    if (lb->worker != NULL) {
        pool_done(lb->worker);
    }
    lb->op->lb = NULL;
    free(lb);
}

static void lb_gone(struct op *op)
{
    lb_free(op->lb);
}

/* ---- a worker ---- */

static void lb_pick(struct lb *lb)
{
    struct pool *pool = pool_get(lb->op->node->pools, op_ep(lb->op));
    enum pick_outcome outcome = pool_pick(pool, &lb->affinity, &lb->worker);
    if (outcome == PICK_FOUND) {
        pool_leave(&lb->waiter);
        timer_stop(&lb->op->timer);
        lb_send(lb);
    } else if (outcome == PICK_GONE) {
        lb_refuse(lb, 404, "{\"error\":\"affinity_worker_gone\"}");
    } else if (lb->waiter.pool == NULL) {
        pool_join(pool, &lb->waiter, lb_news);
    }
}

static void lb_news(struct pool_waiter *waiter)
{
    lb_pick(container_of(waiter, struct lb, waiter));
}

static void lb_over(struct timer *timer)
{
    struct lb *lb = container_of(timer, struct op, timer)->lb;
    if (lb->affinity.is_strict && lb->op->entry->endpoint->workers_max > 0) {
        lb_refuse(lb, 400,
                  "{\"error\":\"timed out waiting for worker\","
                  "\"reason\":\"worker_timeout\"}");
    } else {
        lb_refuse(lb, 503, "{\"error\":\"no workers available\"}");
    }
}

static void lb_refuse(struct lb *lb, int status, const char *body)
{
    struct op *op = lb->op;
    lb_free(lb);
    op_reply(op, &(struct http_answer){.status = status,
                                       .headers =
                                           status == 503 ? SLICE("Retry-After: 2\r\n") : SLICE(""),
                                       .body = slice_of(body)});
}

/* ---- the relay, or the tunnel ---- */

/* The key is Millrace's and none of the worker's business. */
static bool stays_behind(struct slice name)
{
    static const struct slice names[] = {SLICE("authorization"), SLICE(GATE_WORKER),
                                         SLICE(GATE_SECRET)};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (slice_eq_nocase(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* "/lb/EP/rest" without its first two parts */
static struct slice rest_of(const struct op *op)
{
    size_t len = strlen("/lb/") + strlen(op->ep);
    struct slice path = op->request->path;
    return len < path.len ? slice_from(path, len) : SLICE("/");
}

static void lb_send(struct lb *lb)
{
    struct op *op = lb->op;
    struct slice rest = rest_of(op), query = op->request->query;
    AUTO_STR worker = xasprintf(GATE_WORKER ": %s", lb->worker->id);
    AUTO_STR secret = xasprintf(GATE_SECRET ": %s", lb->worker->secret);
    AUTO_STR from = xasprintf("X-Forwarded-For: %.*s", SLICE_ARG(op->request->peer));
    AUTO_STR shown = xasprintf(WORKER_HEADER ": %s\r\n", lb->worker->id);
    const char *const headers[] = {worker, secret, from, NULL};
    if (tunnel_is_wanted(op->request)) {
        struct tunnel_target target = {.loop = op->node->loop,
                                       .address = lb->worker->gate,
                                       .path = rest,
                                       .query = query,
                                       .is_dropped = stays_behind,
                                       .headers = headers,
                                       .reply_headers = shown,
                                       .answer_ms = GATE_TIMEOUT_MS + 5000,
                                       .idle_ms = GATE_IDLE_MS + 5000};
        lb->tunnel = tunnel_start(op->request, &target, lb_tunnelled, lb);
        return;
    }
    AUTO_STR url = xasprintf("http://%s%.*s%s%.*s", lb->worker->gate, SLICE_ARG(rest),
                             query.len > 0 ? "?" : "", SLICE_ARG(query));
    struct relay_target target = {
        .fetcher = op->node->fetcher,
        .loop = op->node->loop,
        .url = url,
        .is_dropped = stays_behind,
        .headers = headers,
        .reply_headers = shown,
        .timeout_ms = GATE_TIMEOUT_MS + 5000,
    };
    relay_start(&lb->relay, op->request, &target, lb_relayed);
}

static void lb_relayed(struct relay *relay, enum relay_end end, enum err err, const char *problem)
{
    lb_ended(container_of(relay, struct lb, relay), end, err, problem);
}

static void lb_tunnelled(void *arg, enum relay_end end, enum err err, const char *problem)
{
    struct lb *lb = arg;
    lb->tunnel = NULL;
    lb_ended(lb, end, err, problem);
}

static void lb_ended(struct lb *lb, enum relay_end end, enum err err, const char *problem)
{
    struct op *op = lb->op;
    if (end == RELAY_DONE) {
        lb_free(lb);
        op_release(op);
        return;
    }
    log_info("lb.unreached", "ep=%s worker=%s problem=%s", op->ep, lb->worker->id,
             log_quote(slice_of(problem)));
    pool_blame(lb->worker);
    pool_done(steal(lb->worker));
    if (err == ERR_NO_ANSWER) {
        lb_refuse(lb, 504, "{\"error\":\"the worker did not answer in time\"}");
    } else if ((err != ERR_OK && err != ERR_REFUSED) || ++lb->tries >= TRIES_MAX) {
        lb_refuse(lb, 502, "{\"error\":\"the worker's agent could not be reached\"}");
    } else { /* nothing has been sent to a server */
        timer_start(op->node->loop, &op->timer, op->node->lb_wait_ms, lb_over);
        lb_pick(lb);
    }
}
