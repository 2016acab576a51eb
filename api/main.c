/* millrace-api: one stateless HTTP node.
 *
 * Start: settings -> Redis -> bus -> listening socket -> loop. Stop (SIGTERM): no new connections,
 * parked requests are answered with what is known, the rest is finished, then the process ends. A
 * listening socket handed over by the supervisor (LISTEN_FDS) stays open there, so clients wait in
 * its backlog instead of being refused. */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "auth.h"
#include "base/log.h"
#include "catalog.h"
#include "hook.h"
#include "limit.h"
#include "meter.h"
#include "net/fetch.h"
#include "node.h"
#include "notify.h"
#include "op.h"
#include "ops/ops.h"
#include "pool.h"
#include "queue/queue_hook.h"
#include "queue/role.h"
#include "reply.h"
#include "route.h"
#include "tail.h"
#include "watch.h"

#define PROGRAM "millrace-api"
/* Larger memory is mapped on its own: it grows without a copy and leaves no hole behind. Left alone
 * the C library raises its limit to the largest body it has seen. */
#define LARGE_BYTES (1 << 20)

struct settings {
    struct role role;
    const char *listen, *bus, *api_key;
    struct config_strings webhook_allow;
    int64_t webhook_retry_ms;
    const char *webhook_ca;
    int64_t lb_wait_ms;
    int64_t drain_timeout_ms, bodies_mb;
};

struct program {
    struct node node;
    struct guard guard;
    struct feed *feed;
    struct exporter *exporter; /* NULL: not wanted */
    struct timer drain_timer;
    uint64_t drain_timeout_ms;
    bool is_cut; /* the drain took too long */
};

static void settings_load(struct settings *settings, int argc, char **argv)
{
    const struct config_option options[] = {
        {.name = "listen",
         .kind = CONFIG_HOST_PORT,
         .target = &settings->listen,
         .argument = "HOST:PORT",
         .fallback = "127.0.0.1:8080",
         .help = "where to serve HTTP; not used when sockets are handed over (LISTEN_FDS)"},
        {.name = "bus",
         .kind = CONFIG_STRING,
         .target = &settings->bus,
         .argument = "URL",
         .fallback = "tcp://127.0.0.1:0",
         .help =
             "tcp://HOST:PORT where workers publish to; others must reach HOST; port 0 picks one"},
        {.name = "api-key",
         .kind = CONFIG_STRING,
         .target = &settings->api_key,
         .argument = "KEY",
         .help = "admin key, beside those in Redis; better given in the "
                 "environment, where ps does not show it"},
        {.name = "webhook-allow",
         .kind = CONFIG_STRINGS,
         .target = &settings->webhook_allow,
         .argument = "CIDR,...",
         .help = "address ranges that webhooks may reach though they are private or over plain "
                 "http; https to public addresses is always allowed"},
        {.name = "webhook-ca",
         .kind = CONFIG_STRING,
         .target = &settings->webhook_ca,
         .argument = "FILE",
         .help = "certificates (PEM) of private authorities that webhook receivers may have, "
                 "beside the system's"},
        {.name = "webhook-retry-ms",
         .kind = CONFIG_INT,
         .target = &settings->webhook_retry_ms,
         .argument = "MS",
         .fallback = "10000",
         .min = 1,
         .max = 3600000,
         .help = "pause between the first three tries of a webhook; then it grows, for 24 hours"},
        {.name = "lb-wait-ms",
         .kind = CONFIG_INT,
         .target = &settings->lb_wait_ms,
         .argument = "MS",
         .fallback = "120000",
         .max = 3600000,
         .help = "how long a request to a load-balancing endpoint waits for a worker"},
        {.name = "drain-timeout-ms",
         .kind = CONFIG_INT,
         .target = &settings->drain_timeout_ms,
         .argument = "MS",
         .fallback = "900000",
         .max = 86400000,
         .help = "how long a node that was told to stop serves on what it has in hand"},
        bodies_option(&settings->bodies_mb),
    };
    const struct config_spec spec = {.program = PROGRAM,
                                     .summary = "One stateless HTTP node of Millrace.",
                                     .options = options,
                                     .option_count = COUNT_OF(options)};
    settings->role.node_id = "api";
    role_load(&settings->role, &spec, argc, argv);
}

/* ---- what reaches the node ---- */

static void on_head(struct http_request *request, void *arg)
{
    op_begin(request, arg);
}

static void on_body(struct http_request *request, size_t bytes, void *arg)
{
    (void)arg;
    (void)op_body_fits(request->op, bytes);
}

/* False for what no other has to wait behind: it goes elsewhere, or stays for long. */
static bool loads_store(const struct op *op)
{
    return op->route->body != BODY_GATE && !op->entry->endpoint->waits_for_replica &&
           store_is_ready(op->node->store);
}

/* To read through 20 MiB takes tens of milliseconds, and Redis longer to take them. So one starts
 * when the store has the one before, and small requests wait behind one only. */
static void start_large(struct turn *turn)
{
    struct op *op = container_of(turn, struct op, turn);
    if (!loads_store(op)) {
        turn_leave(turn);
    }
    op->route->start(op);
}

static void on_request(struct http_request *request, void *arg)
{
    struct node *node = arg;
    struct op *op = request->op;
    if (request->body.len >= TURN_BYTES) {
        turn_join(&node->large, &op->turn, start_large);
    } else {
        op->route->start(op);
    }
}

static void on_refused(enum err err, const char *detail, struct buf *out, void *arg)
{
    (void)arg;
    reply_error_body(out, err, detail);
}

static void on_frame(const struct bus_frame *frame, void *arg)
{
    struct node *node = arg;
    watch_notify(node->watch, frame);
}

/* An empty message says that some may have been missed. */
static void on_news(struct slice channel, struct slice message, void *arg)
{
    struct node *node = arg;
    if (slice_is(channel, "mr:keys")) {
        auth_forget(node->auth);
    } else if (slice_is(channel, HOOK_CHANNEL)) {
        hooks_notify(node->hooks, message);
    } else {
        catalog_forget(node->catalog, message);
    }
}

static void on_store_change(void *arg, bool is_ready)
{
    struct node *node = arg;
    if (is_ready) {
        log_info("store.ready", "bus=%s", node->bus_address);
        guard_look(&container_of(node, struct program, node)->guard, node->store);
    } else {
        log_warn("store.away", "problem=%s", log_quote(slice_of(store_problem(node->store))));
    }
}

/* ---- stop ---- */

#define SETTLE_MS 500

static void on_drained(void *arg)
{
    struct program *program = arg;
    if (!program->is_cut) {
        loop_stop(program->node.loop);
    }
}

static void on_settled(struct timer *timer)
{
    loop_stop(container_of(timer, struct program, drain_timer)->node.loop);
}

/* Clients that are cut off cancel what they asked for: the store gets a moment to hear it. */
static void on_drain_over(struct timer *timer)
{
    struct program *program = container_of(timer, struct program, drain_timer);
    struct node *node = &program->node;
    log_warn("drain.cut", "connections=%zu", http_server_connections(node->server));
    program->is_cut = true;
    exporter_close(program->exporter); /* it tells of the server */
    program->exporter = NULL;
    http_server_close(node->server);
    node->server = NULL;
    timer_start(node->loop, timer, SETTLE_MS, on_settled);
}

static void on_stop(int signal, void *arg)
{
    struct program *program = arg;
    struct node *node = &program->node;
    log_info("drain.begin", "signal=%d connections=%zu", signal,
             http_server_connections(node->server));
    node->is_draining = true;
    timer_start(node->loop, &program->drain_timer, program->drain_timeout_ms, on_drain_over);
    http_server_drain(node->server, on_drained, program);
    notify_supervisor("STOPPING=1"); /* a successor may start while the answers go on */
    watch_stir(node->watch);
    hooks_stop(node->hooks);
}

/* ---- start ---- */

static void listen_start(struct node *node, const struct settings *settings)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (pid != NULL && count != NULL && slice_to_i64_or(slice_of(pid), -1) == (int64_t)getpid()) {
        int64_t fds = slice_to_i64_or(slice_of(count), 0);
        for (int64_t i = 0; i < fds; i++) {
            if (http_server_adopt(node->server, (int)(3 + i)) != ERR_OK) {
                role_refuse(PROGRAM, "listen", "LISTEN_FDS",
                            "a handed-over descriptor does not listen");
            }
        }
        return;
    }
    char host[256];
    int port;
    if (config_split_host_port(settings->listen, host, sizeof(host), &port) != ERR_OK) {
        role_refuse(PROGRAM, "listen", settings->listen, "use HOST:PORT");
    }
    enum err err = http_server_listen(node->server, host, port, NULL);
    if (err != ERR_OK) {
        (void)fprintf(stderr, PROGRAM ": cannot listen on %s: %s; choose another --listen\n",
                      settings->listen, err_text(err));
        exit(1);
    }
}

static void bus_start(struct node *node, const struct settings *settings)
{
    node->bus = bus_new(node->loop);
    enum err err = bus_listen(node->bus, settings->bus, node->bus_address,
                              sizeof(node->bus_address), on_frame, node);
    if (err == ERR_BAD_REQUEST) {
        role_refuse(PROGRAM, "bus", settings->bus, "use tcp://HOST:PORT");
    } else if (err != ERR_OK) {
        (void)fprintf(stderr, PROGRAM ": cannot listen on %s: %s; choose another --bus\n",
                      settings->bus, err_text(err));
        exit(1);
    }
}

static void put_metrics(struct buf *out, void *arg)
{
    metrics_put_node(out, arg);
}

static void hooks_start(struct node *node, const struct settings *settings)
{
    struct hooks_config config = {.pause_ms = settings->webhook_retry_ms,
                                  .node_id = settings->role.node_id,
                                  .ca_file = settings->webhook_ca};
    const char *bad = NULL;
    if (hook_policy_init(&config.policy, &settings->webhook_allow, &bad) != ERR_OK) {
        role_refuse(PROGRAM, "webhook-allow", bad,
                    "use ADDRESS/BITS,..., for example 10.0.0.0/8,::1");
    }
    if (settings->webhook_ca != NULL) {
        role_check_certificates(PROGRAM, "webhook-ca", settings->webhook_ca);
    }
    node->hooks = hooks_new(node->loop, node->store, node->catalog, &config);
}

static void program_start(struct program *program, const struct settings *settings)
{
    static const struct http_handlers handlers = {
        .on_head = on_head, .on_body = on_body, .on_request = on_request, .on_refused = on_refused};
    struct node *node = &program->node;
    node->loop = loop_new();
    turns_init(&node->large, node->loop);
    node->ops = SPARES_OF(struct op);
    node->glances = glance_spares();
    node->bodies.max = (size_t)settings->bodies_mb << 20;
    node->watch = watch_new(node->loop);
    node->tails = tails_new(node);
    node->meter = meter_new();
    bus_start(node, settings);
    guard_init(&program->guard, node->loop, settings->role.guard);
    node->store = store_new(node->loop, &(struct store_config){.url = settings->role.redis,
                                                               .on_change = on_store_change,
                                                               .arg = node});
    program->feed = feed_new(node->store, on_news, node);
    feed_add(program->feed, "mr:conf");
    feed_add(program->feed, "mr:keys");
    feed_add(program->feed, HOOK_CHANNEL);
    node->auth = auth_new(node->loop, node->store, settings->api_key);
    node->catalog = catalog_new(node->loop, node->store);
    node->limits = limits_new(node->loop, node->store, slice_of(node->bus_address));
    hooks_start(node, settings);
    node->fetcher = fetcher_new(node->loop);
    node->pools = pools_new(node);
    node->lb_wait_ms = (uint64_t)settings->lb_wait_ms;
    node->server =
        http_server_new(node->loop, &(struct http_config){.shares_port = true}, &handlers, node);
    program->exporter = role_export(&settings->role, PROGRAM, node->loop, put_metrics, node);
    listen_start(node, settings);
    program->drain_timeout_ms = (uint64_t)settings->drain_timeout_ms;
    loop_on_stop_signal(node->loop, on_stop, program);
}

static void program_done(struct program *program)
{
    struct node *node = &program->node;
    timer_stop(&program->drain_timer);
    exporter_close(program->exporter);
    http_server_close(node->server); /* ends all operations, so the rest is nobody's */
    turns_done(&node->large);
    spares_done(&node->ops);
    spares_done(&node->glances);
    pools_free(node->pools);
    fetcher_free(node->fetcher);
    limits_free(node->limits);
    hooks_free(node->hooks);
    feed_close(program->feed);
    guard_done(&program->guard);
    store_close(node->store);
    bus_close(node->bus);
    auth_free(node->auth);
    catalog_free(node->catalog);
    tails_free(node->tails);
    meter_free(node->meter);
    watch_free(node->watch);
    loop_free(node->loop);
}

int main(int argc, char **argv)
{
    static struct settings settings; /* its lists live as long as the process */
    settings_load(&settings, argc, argv);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    struct program program = {0};
    program_start(&program, &settings);
    log_info("node.start", "version=%s", MILLRACE_VERSION);
    loop_run(program.node.loop);
    int status = guard_is_refused(&program.guard) ? 1 : 0;
    program_done(&program);
    log_info("node.stop", "status=%d", status);
    return status;
}
