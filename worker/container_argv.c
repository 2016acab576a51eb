/* Values of the environment are secrets, and a command line can be read by everybody on the
 * machine: `--env NAME` takes the value from the client's environment. What the client itself heeds
 * (PATH, DOCKER_HOST ...) would change the client, so such a value is on the command line. */
#include "container_argv.h"

#include <ctype.h>

#include "env.h"

struct words {
    char **items; /* owned, NULL-terminated */
    size_t count, cap;
};

static void put_take(struct words *words, char *text)
{
    if (words->count + 2 > words->cap) {
        words->cap = words->cap * 2 + 32;
        words->items = xrealloc(words->items, words->cap * sizeof(*words->items));
    }
    words->items[words->count++] = text;
    words->items[words->count] = NULL;
}

static void put(struct words *words, const char *text)
{
    put_take(words, xstrdup(text));
}

static void put_option(struct words *words, const char *name, char *value)
{
    put(words, name);
    put_take(words, value);
}

/* ---- environment ---- */

/* Names, and beginnings of names with a '*', that podman, docker or their libraries heed. */
static const char *const heeded[] = {
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "XDG_*",
    "DBUS_*",
    "LD_*",
    "LC_*",
    "LANG",
    "TZ",
    "TERM",
    "SSH_AUTH_SOCK",
    "GODEBUG",
    "GOGC",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "GOTRACEBACK",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_TLS*",
    "DOCKER_CERT*",
    "DOCKER_API_VERSION",
    "DOCKER_DEFAULT_PLATFORM",
    "CONTAINER_HOST",
    "CONTAINERS_*",
    "CONTAINER_SSHKEY",
    "CONTAINER_CONNECTION",
    "_CONTAINERS_*",
    "STORAGE_DRIVER",
    "STORAGE_OPTS",
    "REGISTRY_AUTH_FILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NOTIFY_SOCKET",
    "LISTEN_*",
};

static bool is_heeded(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(heeded); i++) {
        struct slice row = slice_of(heeded[i]);
        bool is_beginning = row.ptr[row.len - 1] == '*';
        row.len -= is_beginning;
        if (is_beginning ? slice_starts(name, row) : slice_eq(name, row)) {
            return true;
        }
    }
    return false;
}

/* Of "NAME=value": may the client see it as its own? Names that are none for a shell could be
 * patterns for the client ("A*"). */
static bool is_harmless(const char *variable)
{
    struct slice name = {variable, strcspn(variable, "=")};
    for (size_t i = 0; i < name.len; i++) {
        if (!isalnum((unsigned char)name.ptr[i]) && name.ptr[i] != '_') {
            return false;
        }
    }
    return name.len > 0 && !isdigit((unsigned char)name.ptr[0]) && !is_heeded(name);
}

static void put_env(struct words *words, char *const *env)
{
    for (; *env != NULL; env++) {
        size_t len = is_harmless(*env) ? strcspn(*env, "=") : strlen(*env);
        put_option(words, "--env", xstrndup(*env, len));
    }
}

char **container_client_env(const struct container_plan *plan, char *const *inherited)
{
    char **env = env_outside(inherited);
    for (char *const *at = plan->env; *at != NULL; at++) {
        AUTO_STR name = xstrndup(*at, strcspn(*at, "="));
        if (is_harmless(*at)) {
            env = env_with(env, name, *at + strlen(name) + 1);
        }
    }
    return env;
}

/* ---- run ---- */

static void put_labels(struct words *words, const struct container_plan *plan)
{
    const char *const labels[][2] = {{CONTAINER_OWNER, plan->owner},
                                     {CONTAINER_RUN, plan->run},
                                     {"millrace.endpoint", plan->endpoint->id},
                                     {"millrace.worker", plan->worker}};
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        put_option(words, "--label", xasprintf("%s=%s", labels[i][0], labels[i][1]));
    }
}

/* `--mount` refuses a folder that is not there, where `--volume` of docker would make one. */
static void put_volumes(struct words *words, char *const *volumes)
{
    for (; volumes != NULL && *volumes != NULL; volumes++) {
        struct slice rest = slice_of(*volumes);
        struct slice host = slice_cut(&rest, ':'), inside = slice_cut(&rest, ':');
        put_option(words, "--mount",
                   xasprintf("type=bind,src=%.*s,dst=%.*s%s", SLICE_ARG(host), SLICE_ARG(inside),
                             slice_is(rest, "ro") ? ",readonly" : ""));
    }
}

/* CDI names for podman; docker reads its option as CSV, so the quotes belong to it. Images of
 * NVIDIA ask for all cards by NVIDIA_VISIBLE_DEVICES, which a runtime of theirs would grant. */
static void put_cards(struct words *words, const struct container_plan *plan)
{
    if (plan->uuids == NULL) {
        return;
    }
    if (plan->uuids[0] == '\0') {
        put_option(words, "--env", xstrdup("NVIDIA_VISIBLE_DEVICES=void"));
        return;
    }
    if (plan->kind == RUNTIME_DOCKER) {
        put_option(words, "--gpus", xasprintf("\"device=%s\"", plan->uuids));
        return;
    }
    for (struct slice rest = slice_of(plan->uuids); rest.len > 0;) {
        struct slice uuid = slice_cut(&rest, ',');
        put_option(words, "--device", xasprintf("nvidia.com/gpu=%.*s", SLICE_ARG(uuid)));
    }
}

static void put_all(struct words *words, char *const *texts)
{
    for (; texts != NULL && *texts != NULL; texts++) {
        put(words, *texts);
    }
}

/* Not --rm: how it ended is asked before it is removed. No log driver: what it writes goes to the
 * agent, and need not grow on disk beside. */
char **container_run_argv(const struct container_plan *plan)
{
    static const char *const fixed[] = {"run",   "--network",    "host", "--pull",
                                        "never", "--log-driver", "none"};
    const struct endpoint *endpoint = plan->endpoint;
    struct words words = {0};
    put(&words, plan->program);
    for (size_t i = 0; i < COUNT_OF(fixed); i++) {
        put(&words, fixed[i]);
    }
    put_option(&words, "--name", xstrdup(plan->name));
    put_option(&words, "--shm-size", xasprintf("%lld", (long long)endpoint->image.shm_bytes));
    put_labels(&words, plan);
    if (endpoint->cwd != NULL) {
        put_option(&words, "--workdir", xstrdup(endpoint->cwd));
    }
    put_volumes(&words, endpoint->image.volumes);
    put_env(&words, plan->env);
    put_cards(&words, plan);
    for (size_t i = 0; i < plan->extra->count; i++) {
        put(&words, plan->extra->items[i]);
    }
    put(&words, plan->image);
    put_all(&words, endpoint->image.command);
    return words.items;
}

char **container_remove_argv(const char *program, enum runtime_kind kind, const char *name)
{
    struct words words = {0};
    put(&words, program);
    put(&words, "rm");
    put(&words, "--force");
    if (kind == RUNTIME_PODMAN) { /* else it waits 10 s for the handler to heed SIGTERM */
        put_option(&words, "--time", xstrdup("0"));
    }
    put(&words, name);
    return words.items;
}
