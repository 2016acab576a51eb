/* The settings of `millrace up`. */
#include <limits.h>

#include "queue/store.h"
#include "queue/store_url.h"
#include "up.h"

#define OPTION_COUNT 11

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};

static const char epilogue[] =
    "Starts a private Redis, the API nodes, the scheduler and the worker agents, keeps them "
    "running,\n"
    "and prints one line `ready http://HOST:PORT/v2` on stdout when jobs can be sent. API node i\n"
    "listens on PORT+i. DIR keeps everything (jobs too) and can be started again; the key for\n"
    "clients is in DIR/api-key, what the programs say in DIR/log. Ctrl-C or SIGTERM stops all in\n"
    "order, a second one kills at once.\n"
    "\n"
    "Exit status: 0 stopped by a signal, 1 could not start, 2 bad usage.";

struct config_spec up_spec(struct up_options *options)
{
    *options = (struct up_options){.slots = -1, .metrics_port = -1};
    static struct config_option list[OPTION_COUNT];
    const struct config_option wanted[OPTION_COUNT] = {
        {"port", CONFIG_INT, &options->port, "PORT", "8080", 0, UINT16_MAX, NULL,
         "port of the first API node; 0 picks a free one"},
        {"host", CONFIG_STRING, &options->host, "HOST", "127.0.0.1", 0, 0, NULL,
         "address to listen on; 0.0.0.0 for all"},
        {"data", CONFIG_STRING, &options->data, "DIR", "./.millrace", 0, 0, NULL,
         "folder for Redis data, logs, pids, spools and the key"},
        {"redis", CONFIG_STRING, &options->redis, "URL", NULL, 0, 0, NULL,
         "use this Redis instead of starting one"},
        {"api-key", CONFIG_STRING, &options->api_key, "KEY", NULL, 0, 0, NULL,
         "admin key (default: the one in DIR/api-key, generated at the first start)"},
        {"endpoint", CONFIG_STRINGS, &options->endpoints, "FILE", NULL, 0, 0, NULL,
         "endpoint document to create or update at the start; may be repeated"},
        {"api-nodes", CONFIG_INT, &options->api_nodes, "N", "1", 1, UP_NODES_MAX, NULL,
         "number of API nodes"},
        {"agents", CONFIG_INT, &options->agents, "N", "1", 0, UP_NODES_MAX, NULL,
         "number of worker agents"},
        {"slots", CONFIG_INT, &options->slots, "N", NULL, 0, 1000, NULL,
         "handler processes one agent may run (default: one per GPU, else one per core)"},
        {"metrics-port", CONFIG_INT, &options->metrics_port, "PORT", NULL, 1, UINT16_MAX, NULL,
         "GET /metrics on 127.0.0.1: the scheduler on PORT, agent i on PORT+1+i (default: nowhere; "
         "API "
         "nodes have it on their own ports)"},
        {"log-level", CONFIG_STRING, &options->log_level, "LEVEL", NULL, 0, 0, log_levels,
         "how much the programs write to DIR/log"},
    };
    memcpy(list, wanted, sizeof(list));
    return (struct config_spec){.program = "millrace up",
                                .summary = "Run all of Millrace on this machine.",
                                .options = list,
                                .option_count = OPTION_COUNT,
                                .epilogue = epilogue};
}

enum err up_check(struct up_options *options, struct buf *problem)
{
    int64_t last = options->port + options->api_nodes - 1;
    if (options->port > 0 && last > UINT16_MAX) {
        (void)buf_printf(problem,
                         "--port %d with --api-nodes %d needs ports up to %d; allowed: up "
                         "to %d",
                         (int)options->port, (int)options->api_nodes, (int)last, UINT16_MAX);
        return ERR_BAD_REQUEST;
    }
    if (options->metrics_port + options->agents > UINT16_MAX) {
        (void)buf_printf(
            problem, "--metrics-port %d with --agents %d needs ports up to %d; allowed: up to %d",
            (int)options->metrics_port, (int)options->agents,
            (int)(options->metrics_port + options->agents), UINT16_MAX);
        return ERR_BAD_REQUEST;
    }
    if (options->redis != NULL) {
        AUTO(buf_done) struct buf what = BUF_INIT;
        if (store_check_url(options->redis, &what) != ERR_OK) {
            AUTO_STR shown = store_url_shown(options->redis);
            (void)buf_printf(problem, "--redis is \"%s\"; %.*s", shown,
                             SLICE_ARG(buf_slice(&what)));
            return ERR_BAD_REQUEST;
        }
    }
    return ERR_OK;
}
