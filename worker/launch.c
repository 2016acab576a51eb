/* A library runs in millrace-handler, found beside the agent's own executable or else in PATH. A
 * library name without a slash is looked for in handlers/ beside the executable, then where
 * `cmake --install` puts it; any other path is as written, relative to the handler's directory. */
#include "launch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/id.h"
#include "cards.h"
#include "container.h"
#include "env.h"
#include "plane.h"
#include "pod.h"
#include "runtime.h"
#include "scribe.h"
#include "server.h"

/* The handler of a pod has been given both before it was started. */
static void pod_identity(struct slot *slot)
{
    const struct agent_config *config = &slot->group->agent->config;
    (void)snprintf(slot->worker, sizeof(slot->worker), "%s", config->id);
    (void)snprintf(slot->token, sizeof(slot->token), "%s", config->pod->token);
}

void launch_identity(struct slot *slot)
{
    if (slot->group->agent->pod != NULL) {
        pod_identity(slot);
        return;
    }
    char random[7];
    char *out = slot->worker;
    for (const char *at = slot->group->agent->config.id; *at != '\0'; at++) {
        char c = *at >= 'A' && *at <= 'Z' ? (char)(*at | 0x20) : *at;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if ((size_t)(out - slot->worker) < WORKER_ID_MAX - sizeof(random)) {
            *out++ = is_plain ? c : '-';
        }
    }
    id_hex(random, 3);
    *out++ = '-';
    memcpy(out, random, sizeof(random));
    id_hex(slot->token, 24);
}

/* The directory of the agent's executable, "." when it cannot be told. */
static char *exe_dir(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    return len > 1 ? xstrndup(path, (size_t)len - 1) : xstrdup(".");
}

char *launch_beside(const char *program)
{
    AUTO_STR dir = exe_dir();
    AUTO_STR path = xasprintf("%s/%s", dir, program);
    return access(path, X_OK) == 0 ? steal(path) : xstrdup(program);
}

void launch_free_argv(char **argv)
{
    env_free(argv);
}

static char *find_library(const char *name, const char *exe_dir)
{
    static const char *const places[] = {
        "handlers", "../lib/millrace/handlers", "../lib64/millrace/handlers",
        "../lib/x86_64-linux-gnu/millrace/handlers", "../lib/aarch64-linux-gnu/millrace/handlers"};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        AUTO_STR path = xasprintf("%s/%s/%s", exe_dir, places[i], name);
        if (access(path, R_OK) == 0) {
            return steal(path);
        }
        AUTO_STR with_suffix = xasprintf("%s.so", path);
        if (access(with_suffix, R_OK) == 0) {
            return steal(with_suffix);
        }
    }
    return NULL;
}

/* The folder with the sitecustomize.py of Python handlers, NULL when it is not installed. */
static char *find_python(const char *exe_dir)
{
    static const char *const places[] = {
        "python", "../lib/millrace/python", "../lib64/millrace/python",
        "../lib/x86_64-linux-gnu/millrace/python", "../lib/aarch64-linux-gnu/millrace/python"};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        AUTO_STR folder = xasprintf("%s/%s", exe_dir, places[i]);
        AUTO_STR file = xasprintf("%s/sitecustomize.py", folder);
        if (access(file, R_OK) == 0) {
            return steal(folder);
        }
    }
    return NULL;
}

static char **library_argv(const struct endpoint *endpoint, const char *exe_dir,
                           struct buf *problem)
{
    AUTO_STR path = strchr(endpoint->library, '/') != NULL
                        ? xstrdup(endpoint->library)
                        : find_library(endpoint->library, exe_dir);
    if (path == NULL) {
        buf_printf(problem,
                   "library '%s' is in none of the handler directories near %s; one of your own is "
                   "named with a slash: ./%s",
                   endpoint->library, exe_dir, endpoint->library);
        return NULL;
    }
    char **argv = xcalloc(3, sizeof(*argv));
    argv[0] = launch_beside("millrace-handler");
    argv[1] = steal(path);
    return argv;
}

char **launch_argv(const struct endpoint *endpoint, const char *exe_dir, struct buf *problem)
{
    if (endpoint->handler == HANDLER_LIBRARY) {
        return library_argv(endpoint, exe_dir, problem);
    }
    char **command =
        endpoint->handler == HANDLER_SERVER ? endpoint->server.command : endpoint->command;
    size_t count = 0;
    while (command != NULL && command[count] != NULL) {
        count++;
    }
    if (count == 0) {
        buf_put_str(problem, "the endpoint has no command");
        return NULL;
    }
    char **argv = xcalloc(count + 1, sizeof(*argv));
    for (size_t i = 0; i < count; i++) {
        argv[i] = xstrdup(command[i]);
    }
    return argv;
}

/* Without cards in the machine CUDA_VISIBLE_DEVICES stays as it is; with cards a process sees its
 * own and no other, so none when it asked for none. */
static char *cuda_of(const struct slot *slot)
{
    const struct gpus *gpus = slot->group->agent->config.cards->gpus;
    if (gpus->count == 0) {
        return NULL;
    }
    struct buf text = BUF_INIT;
    gpus_put_uuids(gpus, slot->cards, slot->card_count, &text);
    return buf_take_str(&text);
}

static char **launch_env(const struct slot *slot, const char *exe_dir)
{
    const struct agent *agent = slot->group->agent;
    enum handler_kind kind = slot->group->endpoint->handler;
    AUTO_STR cuda = cuda_of(slot);
    AUTO_STR python = kind == HANDLER_COMMAND ? find_python(exe_dir) : NULL;
    struct env_spec spec = {
        .inherited = kind == HANDLER_IMAGE ? NULL : environ,
        .endpoint = slot->group->endpoint,
        .worker = slot->worker,
        .token = slot->token,
        .run = agent->config.run,
        .host = agent->host,
        .port = plane_port(agent->plane),
        .gpu_name =
            slot->card_count > 0 ? agent->config.cards->gpus->items[slot->cards[0]].name : "",
        .cuda = cuda,
        .python = python,
        .server_port = slot->server != NULL ? slot->server->port : 0,
    };
    return env_build(&spec);
}

/* What is started, and with what; owned but for what the slot has. */
struct launch {
    char **argv, **env;
    const char *cwd;
    struct container *container;
};

static void launch_done(struct launch *launch)
{
    env_free(launch->argv);
    env_free(launch->env);
    container_free(launch->container);
}
AUTO_DEFINE_EMBEDDED(launch_done, struct launch)

static void prepare_program(struct slot *slot, struct launch *launch, struct buf *problem)
{
    AUTO_STR dir = exe_dir();
    launch->argv = launch_argv(slot->group->endpoint, dir, problem);
    launch->env = launch_env(slot, dir);
    launch->cwd = slot->group->endpoint->cwd;
}

static void prepare_container(struct slot *slot, const char *image, struct launch *launch)
{
    struct agent *agent = slot->group->agent;
    AUTO_STR dir = exe_dir();
    AUTO_STR name = xasprintf("millrace-%s", slot->worker);
    AUTO_STR uuids = cuda_of(slot);
    AUTO(env_free) char **env = launch_env(slot, dir);
    struct container_plan plan = {
        .program = runtime_program(agent->runtime),
        .kind = runtime_kind(agent->runtime),
        .name = name,
        .image = image,
        .owner = runtime_owner(agent->runtime),
        .run = agent->config.run,
        .worker = slot->worker,
        .endpoint = slot->group->endpoint,
        .env = env,
        .uuids = uuids,
        .extra = agent->config.container_args,
    };
    launch->argv = container_run_argv(&plan);
    launch->env = container_client_env(&plan, environ);
    launch->container = container_new(agent, name);
}

static enum err launch_start(struct slot *slot, struct launch *launch, struct buf *problem)
{
    const struct agent *agent = slot->group->agent;
    AUTO_STR mark = xasprintf("RUNPOD_AI_API_KEY=%s", slot->token);
    struct process_spec spec = {
        .loop = agent->loop,
        .reaper = agent->reaper,
        .keeper = agent->config.keeper,
        .name = slot->worker,
        .argv = launch->argv,
        .env = launch->env,
        .cwd = launch->cwd,
        .mark = mark,
        .outside = launch->container != NULL ? container_outside(launch->container) : NULL,
    };
    enum err err = process_start(&spec, &slot->process, problem);
    if (err == ERR_OK && launch->container != NULL) {
        container_started(steal(launch->container), slot->process);
    }
    return err;
}

/* What it writes goes past this agent: say where it is, to those who look for it here. */
static void tell_where_output_is(struct slot *slot)
{
    AUTO_STR line = xasprintf("millrace: what this handler writes is in the log of its container: "
                              "kubectl logs %s -c handler (before its last start: -p too), in the "
                              "namespace of the pod",
                              slot->worker);
    scribe_note(slot, slice_of(line));
}

enum err launch_process(struct slot *slot, const char *image, struct buf *problem)
{
    AUTO(launch_done) struct launch launch = {0};
    if (endpoint_is_server(slot->group->endpoint)) {
        slot->server = server_new(slot, problem);
        if (slot->server == NULL) {
            return ERR_IN_USE;
        }
    }
    if (slot->group->agent->pod != NULL) {
        slot->process = pod_start_process(slot->group->agent->pod);
        tell_where_output_is(slot);
        return ERR_OK;
    }
    if (image != NULL) {
        prepare_container(slot, image, &launch);
    } else {
        prepare_program(slot, &launch, problem);
    }
    return launch.argv != NULL ? launch_start(slot, &launch, problem) : ERR_NO_FILE;
}
