/* Layers, later ones win: inherited, our defaults, the endpoint's env, what binds the process. */
#include "env.h"

#include <stdlib.h>

struct env {
    char **items; /* owned */
    size_t count, cap;
};

static size_t find(const struct env *env, struct slice name)
{
    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], name.ptr, name.len) == 0 && env->items[i][name.len] == '=') {
            return i;
        }
    }
    return env->count;
}

static void set(struct env *env, struct slice name, const char *value)
{
    size_t at = find(env, name);
    if (at == env->count) {
        if (env->count + 2 > env->cap) {
            env->cap = env->cap * 2 + 64;
            env->items = xrealloc(env->items, env->cap * sizeof(*env->items));
        }
        env->items[++env->count] = NULL;
        env->items[at] = NULL;
    }
    free(env->items[at]);
    env->items[at] = xasprintf("%.*s=%s", SLICE_ARG(name), value);
}

static void set_name(struct env *env, const char *name, const char *value)
{
    set(env, slice_of(name), value);
}

static bool is_private(struct slice name)
{
    return slice_starts(name, SLICE("MILLRACE_")) || slice_starts(name, SLICE("LISTEN_")) ||
           slice_is(name, "NOTIFY_SOCKET") || slice_starts(name, SLICE("RUNPOD_WEBHOOK_"));
}

static void inherit(struct env *env, char *const *from)
{
    for (; from != NULL && *from != NULL; from++) {
        struct slice value = slice_of(*from);
        struct slice name = slice_cut(&value, '=');
        if (name.len > 0 && !is_private(name)) {
            set(env, name, *from + name.len + (value.ptr != NULL && (*from)[name.len] == '='));
        }
    }
}

static void set_defaults(struct env *env, const struct env_spec *spec)
{
    static const char *const pairs[][2] = {
        {"RUNPOD_PING_INTERVAL", "5000"},           /* two within LOST_GRACE_MS */
        {"RUNPOD_SKIP_AUTO_SYSTEM_CHECKS", "true"}, /* they need the internet */
        {"RUNPOD_SKIP_GPU_CHECK", "true"},
        {"RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "1"},
        {"PYTHONUNBUFFERED", "1"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        set_name(env, pairs[i][0], pairs[i][1]);
    }
    set_name(env, "RUNPOD_POD_HOSTNAME", spec->host);
    AUTO_STR count = xasprintf("%lld", (long long)spec->endpoint->gpu_count);
    set_name(env, "RUNPOD_GPU_COUNT", count);
    if (spec->cuda != NULL) {
        set_name(env, "CUDA_VISIBLE_DEVICES", spec->cuda);
    }
}

static bool is_binding(const char *name)
{
    return slice_starts(slice_of(name), SLICE("RUNPOD_WEBHOOK_")) || strcmp(name, ENV_RUN) == 0 ||
           strcmp(name, "RUNPOD_POD_ID") == 0 || strcmp(name, "RUNPOD_AI_API_KEY") == 0;
}

static void set_endpoint(struct env *env, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->env_count; i++) {
        if (!is_binding(endpoint->env[i].name)) {
            set_name(env, endpoint->env[i].name, endpoint->env[i].value);
        }
    }
}

/* The SDK's default, DEBUG, writes every chunk three times and every poll and ping, which buries
 * what the handler says and costs it a fifth of a streamed chunk. */
static void set_log_level(struct env *env)
{
    if (find(env, SLICE("RUNPOD_LOG_LEVEL")) == env->count &&
        find(env, SLICE("RUNPOD_DEBUG_LEVEL")) == env->count) {
        set_name(env, "RUNPOD_LOG_LEVEL", "INFO");
    }
}

static void put_query_encoded(struct buf *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL) {
            buf_put_char(out, *text);
        } else if (*text == ' ') {
            buf_put_char(out, '+');
        } else {
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
}

/* Only $ID is left for the SDK to fill in; the '?' is there because it appends with '&'. */
static void set_url(struct env *env, const struct env_spec *spec, const char *name,
                    const char *words)
{
    AUTO(buf_done) struct buf url = BUF_INIT;
    struct slice rest = slice_of(words);
    struct slice operation = slice_cut(&rest, ' ');
    buf_printf(&url, "http://127.0.0.1:%d/v2/%s/%.*s/%s%.*s?gpu=", spec->port, spec->endpoint->id,
               SLICE_ARG(operation), spec->worker, SLICE_ARG(rest));
    put_query_encoded(&url, spec->gpu_name);
    AUTO_STR text = buf_take_str(&url);
    set_name(env, name, text);
}

/* A server is spoken to instead of speaking the worker protocol. */
static void bind_server(struct env *env, const struct env_spec *spec)
{
    AUTO_STR port = xasprintf("%d", spec->server_port);
    set_name(env, "PORT", port);
    set_name(env, "PORT_HEALTH", port);
    set_name(env, "HEALTH_CHECK_PATH", spec->endpoint->server.health_path);
}

static void bind_plane(struct env *env, const struct env_spec *spec)
{
    set_url(env, spec, "RUNPOD_WEBHOOK_GET_JOB", "job-take");
    set_url(env, spec, "RUNPOD_WEBHOOK_POST_OUTPUT", "job-done /$ID");
    set_url(env, spec, "RUNPOD_WEBHOOK_POST_STREAM", "job-stream /$ID");
    set_url(env, spec, "RUNPOD_WEBHOOK_JOB_STREAM", "job-stream /$ID");
    set_url(env, spec, "RUNPOD_WEBHOOK_PING", "ping");
}

/* Ours first: a sitecustomize further back is loaded by it. */
static void set_python(struct env *env, const char *folder)
{
    size_t at = find(env, SLICE("PYTHONPATH"));
    const char *given = at < env->count ? env->items[at] + sizeof("PYTHONPATH=") - 1 : "";
    AUTO_STR path = xasprintf("%s%s%s", folder, given[0] != '\0' ? ":" : "", given);
    set_name(env, "PYTHONPATH", path);
}

static void bind_process(struct env *env, const struct env_spec *spec)
{
    if (spec->server_port != 0) {
        bind_server(env, spec);
    } else {
        bind_plane(env, spec);
    }
    if (spec->python != NULL) {
        set_python(env, spec->python);
    }
    set_name(env, ENV_RUN, spec->run);
    set_name(env, "RUNPOD_POD_ID", spec->worker);
    set_name(env, "RUNPOD_AI_API_KEY", spec->token);
    set_name(env, "RUNPOD_ENDPOINT_ID", spec->endpoint->id);
}

char **env_build(const struct env_spec *spec)
{
    struct env env = {0};
    inherit(&env, spec->inherited);
    set_defaults(&env, spec);
    set_endpoint(&env, spec->endpoint);
    set_log_level(&env);
    bind_process(&env, spec);
    return env.items;
}

char **env_outside(char *const *inherited)
{
    struct env env = {0};
    inherit(&env, inherited);
    return env.items != NULL ? env.items : xcalloc(1, sizeof(*env.items));
}

char **env_with(char **env, const char *name, const char *value)
{
    struct env list = {.items = env};
    while (env[list.count] != NULL) {
        list.count++;
    }
    list.cap = list.count + 1; /* full: the next one makes room */
    set_name(&list, name, value);
    return list.items;
}

void env_free(char **env)
{
    for (char **at = env; at != NULL && *at != NULL; at++) {
        free(*at);
    }
    free(env);
}

const char *env_get(char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (; *env != NULL; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') {
            return *env + len + 1;
        }
    }
    return NULL;
}
