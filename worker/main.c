/* millrace-worker: the agent of one machine. Settings, wiring, shutdown; the rest is agent.c. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "base/id.h"
#include "base/log.h"
#include "cards.h"
#include "claim.h"
#include "env.h"
#include "fitness.h"
#include "label.h"
#include "pod.h"
#include "queue/role.h"
#include "runtime.h"
#include "slot.h"

#define PROGRAM "millrace-worker"
#define POD_UID_MIN 16
#define POD_UID_MAX 48

struct settings {
    struct role role;
    const char *lb, *spool;
    int64_t slots; /* -1: by the machine */
    int64_t spool_max_mb, bodies_mb;
    const char *runtime;
    struct config_strings container_args;
    int64_t pull_timeout_s;
    struct config_strings labels;
    const char *fake_gpus, *gpu_check;
    int64_t gpu_check_s, gpu_retry_s, gpu_held_mb;
    const char *gpu; /* for --check-gpu */
    bool check_gpu, json;
    int64_t lb_grace_ms;
    bool is_pod;
    struct pod_config pod;
};

#define CARD_OPTIONS 8

static void put_card_options(struct settings *settings, struct config_option *out)
{
    static const char *const on_off[] = {"on", "off", NULL};
    const struct config_option options[CARD_OPTIONS] = {
        {.name = "gpu-check",
         .kind = CONFIG_STRING,
         .target = &settings->gpu_check,
         .argument = "WORD",
         .fallback = "on",
         .choices = on_off,
         .help = "whether each card is checked before its first use and after a trouble"},
        {.name = "gpu-check-s",
         .kind = CONFIG_INT,
         .target = &settings->gpu_check_s,
         .argument = "SECONDS",
         .fallback = "120",
         .min = 1,
         .max = 3600,
         .help = "time limit of a check"},
        {.name = "gpu-retry-s",
         .kind = CONFIG_INT,
         .target = &settings->gpu_retry_s,
         .argument = "SECONDS",
         .fallback = "30",
         .min = 1,
         .max = 86400,
         .help = "until a card that failed is tried again; doubles with each failure, up to 64 "
                 "times that"},
        {.name = "gpu-held-mb",
         .kind = CONFIG_INT,
         .target = &settings->gpu_held_mb,
         .argument = "MB",
         .fallback = "1024",
         .max = 1048576,
         .help = "memory that a card without any process may hold; with more it is not used"},
        {.name = "check-gpu",
         .kind = CONFIG_FLAG,
         .target = &settings->check_gpu,
         .help = "check the cards of this machine, print the result and end: 0 fit, 1 not fit, 3 "
                 "cannot be checked"},
        {.name = "gpu",
         .kind = CONFIG_STRING,
         .target = &settings->gpu,
         .argument = "UUID|INDEX",
         .help = "with --check-gpu: this card only"},
        {.name = "json",
         .kind = CONFIG_FLAG,
         .target = &settings->json,
         .help = "with --check-gpu: a line of JSON for each card"},
        {.name = "fake-gpus",
         .kind = CONFIG_STRING,
         .target = &settings->fake_gpus,
         .argument = "FILE",
         .help = "cards as lines \"UUID NAME MEMORY_MIB [KEY=VALUE...]\" instead of the machine's, "
                 "for tests"},
    };
    memcpy(out, options, sizeof(options));
}

#define IMAGE_OPTIONS 3

static void put_image_options(struct settings *settings, struct config_option *out)
{
    const struct config_option options[IMAGE_OPTIONS] = {
        {.name = "container-runtime",
         .kind = CONFIG_STRING,
         .target = &settings->runtime,
         .argument = "PROGRAM",
         .fallback = RUNTIME_AUTO,
         .help = "what runs images: podman, docker, a path, or auto: the first that works"},
        {.name = "container-arg",
         .kind = CONFIG_STRINGS,
         .target = &settings->container_args,
         .argument = "ARG",
         .help = "one more argument of the runtime's `run`, for each container"},
        {.name = "pull-timeout",
         .kind = CONFIG_INT,
         .target = &settings->pull_timeout_s,
         .argument = "SECONDS",
         .fallback = "3600",
         .min = 10,
         .max = 86400,
         .help = "the longest that pulling an image may take"},
    };
    memcpy(out, options, sizeof(options));
}

#define POD_OPTIONS 5

static void put_pod_options(struct settings *settings, struct config_option *out)
{
    const struct config_option options[POD_OPTIONS] = {
        {.name = "pod",
         .kind = CONFIG_FLAG,
         .target = &settings->is_pod,
         .help = "serve the handler container of this Kubernetes pod instead of starting handlers"},
        {.name = "endpoint",
         .kind = CONFIG_STRING,
         .target = &settings->pod.endpoint,
         .argument = "ID",
         .help = "with --pod: the endpoint that is served"},
        {.name = "pod-uid",
         .kind = CONFIG_STRING,
         .target = &settings->pod.token,
         .argument = "UID",
         .help = "with --pod: its uid, the token of its handler"},
        {.name = "pod-listen",
         .kind = CONFIG_HOST_PORT,
         .target = &settings->pod.listen,
         .argument = "HOST:PORT",
         .fallback = "0.0.0.0:8102",
         .help = "with --pod: where the kubelet's probes and hooks are answered"},
        {.name = "plane-port",
         .kind = CONFIG_INT,
         .target = &settings->pod.plane_port,
         .argument = "PORT",
         .fallback = "8101",
         .min = 1,
         .max = 65535,
         .help = "with --pod: where the handler asks for jobs, on 127.0.0.1"},
    };
    memcpy(out, options, sizeof(options));
}

/* The name becomes the worker's, the uid its token. */
static void check_pod(const struct settings *settings)
{
    const char *endpoint = settings->pod.endpoint, *uid = settings->pod.token;
    const char *name = settings->role.node_id;
    if (endpoint == NULL || !endpoint_id_is_valid(slice_of(endpoint))) {
        role_refuse(PROGRAM, "endpoint", endpoint != NULL ? endpoint : "",
                    "--pod needs the id of an endpoint");
    }
    if (uid == NULL || strlen(uid) < POD_UID_MIN || strlen(uid) > POD_UID_MAX) {
        role_refuse(PROGRAM, "pod-uid", uid != NULL ? uid : "",
                    "--pod needs the pod's uid, 16 to 48 bytes");
    }
    if (strlen(name) > WORKER_ID_MAX) {
        role_refuse(PROGRAM, "node-id", name, "with --pod at most 63 bytes");
    }
}

#define BASE_OPTIONS 7

static void load(struct settings *settings, int argc, char **argv)
{
    struct config_option options[BASE_OPTIONS + CARD_OPTIONS + IMAGE_OPTIONS + POD_OPTIONS] = {
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
        bodies_option(&settings->bodies_mb),
        {.name = "lb",
         .kind = CONFIG_HOST_PORT,
         .target = &settings->lb,
         .argument = "HOST:PORT",
         .fallback = "127.0.0.1:0",
         .help =
             "where API nodes bring requests of load-balancing endpoints; they must reach HOST; "
             "port 0 picks one"},
        {.name = "lb-grace-ms",
         .kind = CONFIG_INT,
         .target = &settings->lb_grace_ms,
         .argument = "MS",
         .fallback = "30000",
         .max = 86400000,
         .help = "how long WebSockets through it stay open when their worker is to go"},
        {.name = "label",
         .kind = CONFIG_STRINGS,
         .target = &settings->labels,
         .argument = "KEY=VALUE",
         .help = "what endpoints may ask of a machine"},
    };
    put_card_options(settings, options + BASE_OPTIONS);
    put_image_options(settings, options + BASE_OPTIONS + CARD_OPTIONS);
    put_pod_options(settings, options + BASE_OPTIONS + CARD_OPTIONS + IMAGE_OPTIONS);
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

static void check_labels(const struct settings *settings)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    const char *bad = labels_check(&settings->labels, &problem);
    if (bad != NULL) {
        AUTO_STR text = buf_take_str(&problem);
        role_refuse(PROGRAM, "label", bad, text);
    }
}

/* Whether a program is there is found when an image is wanted: a machine may get it later. */
static void check_runtime(const char *program)
{
    struct stat found;
    if (strchr(program, '/') != NULL && stat(program, &found) == 0 && S_ISDIR(found.st_mode)) {
        role_refuse(PROGRAM, "container-runtime", program, "a folder, not a program");
    }
}

static struct gpu_source *read_gpus(const struct settings *settings, struct gpus *gpus)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (settings->is_pod) {
        return NULL; /* they are the handler's, and in its container */
    }
    if (settings->fake_gpus == NULL) {
        return source_nvml(gpus);
    }
    struct gpu_source *source = source_file(gpus, settings->fake_gpus, &problem);
    if (source == NULL) {
        AUTO_STR text = buf_take_str(&problem);
        role_refuse(PROGRAM, "fake-gpus", settings->fake_gpus, text);
    }
    return source;
}

static struct cards_config cards_of(const struct settings *settings, struct gpus *gpus)
{
    return (struct cards_config){
        .gpus = gpus,
        .source = read_gpus(settings, gpus),
        .is_checking = strcmp(settings->gpu_check, "on") == 0,
        .fake = settings->fake_gpus,
        .limit_ms = (uint64_t)settings->gpu_check_s * 1000,
        .rules = {.held_max = settings->gpu_held_mb << 20,
                  .retry_ms = (uint64_t)settings->gpu_retry_s * 1000},
    };
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
    cards_put_metrics(agent->cards, out);
}

static int run(const struct agent_config *config, const struct role *role)
{
    struct loop *loop = loop_new();
    struct agent *agent = agent_new(loop, config);
    int status = 1;
    if (agent != NULL) {
        struct exporter *exporter = role_export(role, PROGRAM, loop, put_metrics, agent);
        loop_on_stop_signal(loop, on_stop, agent);
        log_info("agent.start", "slots=%lld gpus=%zu", (long long)config->slots,
                 config->cards->gpus->count);
        loop_run(loop);
        status = guard_is_refused(&agent->guard) ? 1 : 0;
        exporter_close(exporter);
        agent_free(agent);
    }
    loop_free(loop);
    return status;
}

static int check_gpus(const struct settings *settings, const struct cards_config *cards,
                      struct keeper *keeper)
{
    const struct fitness_spec spec = {cards, keeper, settings->gpu, settings->json};
    int status = fitness_run(&spec);
    source_close(cards->source);
    return status;
}

static int serve(const struct settings *settings, const struct cards_config *cards,
                 struct keeper *keeper, const char *run_id)
{
    const struct agent_config config = {
        .id = settings->role.node_id,
        .redis_url = settings->role.redis,
        .guard = settings->role.guard,
        .slots = settings->is_pod       ? 1
                 : settings->slots >= 0 ? settings->slots
                                        : default_slots(cards->gpus),
        .pod = settings->is_pod ? &settings->pod : NULL,
        .run = run_id,
        .keeper = keeper,
        .cards = cards,
        .labels = &settings->labels,
        .spool_dir = settings->spool,
        .lb = settings->lb,
        .lb_grace_ms = (uint64_t)settings->lb_grace_ms,
        .container_runtime = settings->runtime,
        .container_args = &settings->container_args,
        .pull_timeout_ms = (uint64_t)settings->pull_timeout_s * 1000,
        .spool_max = (size_t)settings->spool_max_mb << 20,
        .bodies_max = (size_t)settings->bodies_mb << 20,
    };
    return run(&config, &settings->role);
}

int main(int argc, char **argv)
{
    static struct gpus gpus;
    static struct settings settings = {.slots = -1}; /* it holds what is never freed */
    struct keeper *keeper = NULL;
    char mark[] = ENV_RUN "=0123456789abcdef0123456789abcdef";
    char *run_id = strchr(mark, '=') + 1;
    id_hex(run_id, 16);
    settings.role.node_id = host_id();
    load(&settings, argc, argv);
    check_labels(&settings);
    check_runtime(settings.runtime);
    if (settings.is_pod) {
        check_pod(&settings);
    }
    const struct keeper_config kept = {mark, settings.runtime, run_id};
    enum err err = keeper_start(&kept, &keeper); /* before anything it must not inherit */
    if (err != ERR_OK) {
        log_error("keeper.no_start", "err=%s", err_name(err));
        return 1;
    }
    if (!settings.check_gpu && /* the keeper outlives us for a moment, and must not hold it */
        claim_name(settings.role.redis, settings.role.node_id) != ERR_OK) {
        role_refuse(PROGRAM, "node-id", settings.role.node_id,
                    "an agent of this name runs here on the same Redis; give each its own name");
    }
    const struct cards_config cards = cards_of(&settings, &gpus);
    int status = settings.check_gpu ? check_gpus(&settings, &cards, keeper)
                                    : serve(&settings, &cards, keeper, run_id);
    keeper_free(keeper);
    return status;
}
