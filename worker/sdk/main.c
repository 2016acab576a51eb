/* millrace-handler HANDLER.so: runs a C handler (millrace.h) as a RunPod worker.
 *
 * settings -> load the object -> handler init (loads the model) -> helpers (stop, ping) -> take
 * loop -> handler done. Nothing is sent before init() is through: the first request is what tells
 * the agent that the worker is ready. SIGTERM during init() simply ends the process; later it ends
 * the take loop once the running jobs are posted, exit status 0.
 *
 * Exit status: 0 drained, 1 the handler's init failed or the agent is gone, 2 bad settings. */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "base/log.h"
#include "ping.h"
#include "stop.h"
#include "take.h"

#define EXIT_USAGE 2
#define WHY_SIZE 1024

static const char epilogue[] =
    "The agent's URLs come from the environment, as for any RunPod worker:\n"
    "RUNPOD_WEBHOOK_GET_JOB, RUNPOD_WEBHOOK_POST_OUTPUT, RUNPOD_WEBHOOK_POST_STREAM,\n"
    "RUNPOD_WEBHOOK_PING, RUNPOD_PING_INTERVAL, RUNPOD_POD_ID, RUNPOD_AI_API_KEY.\n";

static const struct bell *drain_bell; /* for the signal handler */

static enum err load(struct host *host, int argc, char **argv, struct buf *problem);
static bool init_handler(struct host *host);
static void catch_signals(const struct bell *drain);
static enum err serve(struct host *host);
static void unload(struct host *host);

int main(int argc, char **argv)
{
    struct host host = {0};
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (load(&host, argc, argv, &problem) != ERR_OK) {
        (void)fprintf(stderr, "millrace-handler: %.*s\n", SLICE_ARG(buf_slice(&problem)));
        routes_done(&host.routes);
        return EXIT_USAGE;
    }
    if (!init_handler(&host)) {
        routes_done(&host.routes);
        return EXIT_FAILURE;
    }
    enum err err = serve(&host);
    log_info("handler.end", "reason=%s", err == ERR_OK ? "drained" : err_name(err));
    unload(&host);
    return err == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

static enum err load(struct host *host, int argc, char **argv, struct buf *problem)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    const char *level_text = NULL;
    const struct config_option options[] = {
        {.name = "log-level",
         .kind = CONFIG_STRING,
         .target = &level_text,
         .argument = "LEVEL",
         .fallback = "info",
         .choices = levels,
         .help = "least level that is logged"},
    };
    const struct config_spec spec = {.program = "millrace-handler",
                                     .summary = "Runs a C handler as a RunPod worker.",
                                     .operands = "HANDLER.so",
                                     .options = options,
                                     .option_count = COUNT_OF(options),
                                     .epilogue = epilogue};
    struct config_strings paths = config_load(&spec, argc, argv);
    if (paths.count != 1) {
        buf_printf(problem, "%zu operands given, one is needed: HANDLER.so", paths.count);
        return ERR_BAD_REQUEST;
    }
    enum err err = routes_init(&host->routes, getenv, problem);
    if (err != ERR_OK) {
        return err;
    }
    enum log_level level = LOG_LEVEL_INFO;
    (void)log_level_parse(level_text, &level);
    log_init(host->routes.worker, level);
    host->key = getenv("RUNPOD_AI_API_KEY");
    return library_open(&host->library, paths.items[0], problem);
}

static bool init_handler(struct host *host)
{
    const struct millrace_handler *handler = host->library.handler;
    char why[WHY_SIZE] = "";
    int failed = handler->init != NULL ? handler->init(&host->state, why, sizeof(why)) : 0;
    why[sizeof(why) - 1] = '\0';
    if (failed != 0) {
        log_error("handler.init_failed", "handler=%s returned=%d reason=%s", handler->name, failed,
                  why[0] != '\0' ? log_quote(slice_of(why)) : "none");
    }
    return failed == 0;
}

/* curl needs its own start before any thread; out of memory aborts there too. */
static enum err serve(struct host *host)
{
    ensure(curl_global_init_mem(CURL_GLOBAL_DEFAULT, xmalloc, free, xrealloc, xstrdup, xcalloc) ==
           CURLE_OK);
    roster_init(&host->roster);
    bell_init(&host->drain);
    bell_init(&host->end);
    catch_signals(&host->drain);
    pthread_t stop;
    pthread_t ping;
    bool has_stop = host->routes.stop != NULL;
    bool has_ping = host->routes.ping != NULL;
    ensure(!has_stop || pthread_create(&stop, NULL, stop_main, host) == 0);
    ensure(!has_ping || pthread_create(&ping, NULL, ping_main, host) == 0);
    log_info("handler.ready", "handler=%s concurrency=%u", host->library.handler->name,
             library_concurrency(&host->library));
    enum err err = take_loop(host);
    bell_ring(&host->end);
    if (has_stop) {
        pthread_join(stop, NULL);
    }
    if (has_ping) {
        pthread_join(ping, NULL);
    }
    return err;
}

static void on_signal(int number)
{
    (void)number;
    bell_ring(drain_bell);
}

static void catch_signals(const struct bell *drain)
{
    drain_bell = drain;
    struct sigaction drains = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    ensure(sigaction(SIGTERM, &drains, NULL) == 0);
    ensure(sigaction(SIGINT, &drains, NULL) == 0);
    ensure(sigaction(SIGPIPE, &ignored, NULL) == 0);
}

/* The bells stay: a late signal may still ring one. */
static void unload(struct host *host)
{
    if (host->library.handler->done != NULL) {
        host->library.handler->done(host->state);
    }
    roster_done(&host->roster);
    routes_done(&host->routes);
    curl_global_cleanup();
}
