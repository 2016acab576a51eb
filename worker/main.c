/* millrace-worker: the agent of one machine. Settings, wiring, shutdown; the rest is agent.c. */
#include <stdio.h>
#include <unistd.h>

#include "agent.h"
#include "base/id.h"
#include "base/log.h"
#include "env.h"
#include "gpu/gpu.h"
#include "net/exporter.h"
#include "queue/role.h"

#define PROGRAM "millrace-worker"

struct settings {
    struct role role;
    const char *fake_gpus, *lb, *spool;
    int64_t slots; /* -1: by the machine */
    int64_t spool_max_mb;
};

static void load(struct settings *settings, int argc, char **argv)
{
    const struct config_option options[] = {
        {.name = "slots",
         .kind = CONFIG_INT,
         .target = &settings->slots,
         .argument = "N",
         .max = 1000,
         .help = "handler processes it may run (default: one per GPU, else one per core)"},
        {.name = "spool",
         .kind = CONFIG_STRING,
         .target = &settings->spool,
         .argument = "DIR",
         .help =
             "where results wait while Redis is away (default: in memory); for this agent alone"},
        {.name = "spool-max-mb",
         .kind = CONFIG_INT,
         .target = &settings->spool_max_mb,
         .argument = "MB",
         .fallback = "1024",
         .min = 1,
         .max = 1048576,
         .help = "the most that may wait there; what is more waits in memory"},
        {.name = "lb",
         .kind = CONFIG_HOST_PORT,
         .target = &settings->lb,
         .argument = "HOST:PORT",
         .fallback = "127.0.0.1:0",
         .help =
             "where API nodes bring requests of load-balancing endpoints; they must reach HOST; "
             "port 0 picks one"},
        {.name = "fake-gpus",
         .kind = CONFIG_STRING,
         .target = &settings->fake_gpus,
         .argument = "FILE",
         .help = "cards as lines \"UUID NAME MEMORY_MIB\" instead of the machine's"},
    };
    const struct config_spec spec = {
        .program = PROGRAM,
        .summary = "Runs the handler processes of one machine.",
        .options = options,
        .option_count = COUNT_OF(options),
    };
    role_load(&settings->role, &spec, argc, argv);
}

/* Host names may hold dots, ids may not. */
static const char *host_id(void)
{
    static char name[ID_MAX + 1];
    if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') {
        return "agent";
    }
    for (char *at = name; *at != '\0'; at++) {
        *at = id_is_valid((struct slice){at, 1}) ? *at : '-';
    }
    return name;
}

static void read_gpus(const struct settings *settings, struct gpus *gpus)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (settings->fake_gpus == NULL) {
        gpus_read_nvml(gpus);
    } else if (gpus_read_file(gpus, settings->fake_gpus, &problem) != ERR_OK) {
        AUTO_STR text = buf_take_str(&problem);
        role_refuse(PROGRAM, "fake-gpus", settings->fake_gpus, text);
    }
}

static int64_t default_slots(const struct gpus *gpus)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return gpus->count > 0 ? (int64_t)gpus->count : cores > 0 ? cores : 1;
}

static void on_stop(int number, void *arg)
{
    (void)number;
    agent_stop(arg);
}

static void put_metrics(struct buf *out, void *arg)
{
    struct agent *agent = arg;
    meter_put(&agent->meter, out);
}

/* metrics: NULL for nowhere. */
static int run(const struct agent_config *config, const char *metrics)
{
    struct loop *loop = loop_new();
    struct agent *agent = agent_new(loop, config);
    struct exporter *exporter = NULL;
    if (agent != NULL && metrics != NULL &&
        exporter_new(loop, metrics, put_metrics, agent, &exporter) != ERR_OK) {
        role_refuse(PROGRAM, "metrics", metrics, "cannot listen there; choose another address");
    }
    int status = 1;
    if (agent != NULL) {
        loop_on_stop_signal(loop, on_stop, agent);
        log_info("agent.start", "slots=%lld gpus=%zu", (long long)config->slots,
                 config->gpus->count);
        loop_run(loop);
        status = guard_is_refused(&agent->guard) ? 1 : 0;
        exporter_close(exporter);
        agent_free(agent);
    }
    loop_free(loop);
    return status;
}

int main(int argc, char **argv)
{
    static struct gpus gpus;
    struct settings settings = {.role = {.node_id = host_id()}, .slots = -1};
    struct keeper *keeper = NULL;
    char mark[] = ENV_RUN "=0123456789abcdef0123456789abcdef";
    char *run_id = strchr(mark, '=') + 1;
    id_hex(run_id, 16);
    load(&settings, argc, argv);
    enum err err = keeper_start(mark, &keeper); /* before anything it must not inherit */
    if (err != ERR_OK) {
        log_error("keeper.no_start", "err=%s", err_name(err));
        return 1;
    }
    read_gpus(&settings, &gpus);
    struct agent_config config = {
        .id = settings.role.node_id,
        .redis_url = settings.role.redis,
        .guard = settings.role.guard,
        .slots = settings.slots >= 0 ? settings.slots : default_slots(&gpus),
        .run = run_id,
        .keeper = keeper,
        .gpus = &gpus,
        .spool_dir = settings.spool,
        .lb = settings.lb,
        .spool_max = (size_t)settings.spool_max_mb << 20,
    };
    int status = run(&config, settings.role.metrics);
    keeper_free(keeper);
    return status;
}
