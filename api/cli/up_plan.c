/* The children of `millrace up` and their command lines. Secrets travel in the environment, because
 * a command line is readable by everybody; only API nodes get the admin key. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "programs.h"
#include "sockets.h"
#include "up.h"

/* An agent under `up` does not wait for long jobs: they go back to the queue. Redis may need long
 * for its last fsync on a slow disk. */
static const uint64_t grace_ms[STAGE_COUNT] = {
    [STAGE_AGENT] = 10000, [STAGE_SCHEDULER] = 5000, [STAGE_API] = 10000, [STAGE_REDIS] = 30000};

static const char key_variable[] = "MILLRACE_API_KEY";

static const char metrics_variable[] = "MILLRACE_METRICS"; /* one address cannot be that of all */

static const char redis_variable[] = "MILLRACE_REDIS";

static const char notify_variable[] = "NOTIFY_SOCKET"; /* ours is not our children's */

static bool is_variable(const char *text, const char *name)
{
    size_t len = strlen(name);
    return strncmp(text, name, len) == 0 && text[len] == '=';
}

static bool is_ours(const char *text)
{
    return is_variable(text, key_variable) || is_variable(text, redis_variable) ||
           is_variable(text, notify_variable) || is_variable(text, metrics_variable);
}

/* A copy of our environment with Redis, and with or without (NULL) the admin key and the address
 * for notices. */
static char **build_env(const char *redis, const char *key, const char *notices)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **env = xcalloc(count + 4, sizeof(*env));
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(environ[i])) {
            env[at++] = xstrdup(environ[i]);
        }
    }
    env[at++] = xasprintf("%s=%s", redis_variable, redis);
    if (key != NULL) {
        env[at++] = xasprintf("%s=%s", key_variable, key);
    }
    if (notices != NULL) {
        env[at] = xasprintf("%s=%s", notify_variable, notices);
    }
    return env;
}

static void free_env(char **env)
{
    for (char **at = env; at != NULL && *at != NULL; at++) {
        free(*at);
    }
    free(env);
}

static struct child *add_child(struct up *up, enum child_stage stage, const char *name)
{
    struct child *child = child_new(up->loop, &up->data, name);
    child->stage = stage;
    child->grace_ms = grace_ms[stage];
    child->env = up->plain_env;
    child->owner = up;
    up->children = xrealloc(up->children, (up->child_count + 1) * sizeof(*up->children));
    up->children[up->child_count++] = child;
    return child;
}

/* A program of ours with what all of them are told. */
static struct child *add_program(struct up *up, enum child_stage stage, const char *program,
                                 size_t index)
{
    static const char *const names[STAGE_COUNT] = {"agent", "scheduler", "api", "redis"};
    AUTO_STR name = xasprintf("%s-%zu", names[stage], index);
    AUTO_STR path = programs_find(program);
    struct child *child = add_child(up, stage, name);
    child_arg(child, "%s", path);
    child_arg(child, "--node-id");
    child_arg(child, "%s", name);
    if (up->options.log_level != NULL) {
        child_arg(child, "--log-level");
        child_arg(child, "%s", up->options.log_level);
    }
    return child;
}

/* offset: from the port of the scheduler. */
static void add_metrics(const struct up *up, struct child *child, size_t offset)
{
    if (up->options.metrics_port > 0) {
        child_arg(child, "--metrics");
        child_arg(child, "127.0.0.1:%d", (int)up->options.metrics_port + (int)offset);
    }
}

static void add_agent(struct up *up, size_t index)
{
    struct child *child = add_program(up, STAGE_AGENT, "millrace-worker", index);
    add_metrics(up, child, 1 + index);
    if (up->options.slots >= 0) {
        child_arg(child, "--slots");
        child_arg(child, "%d", (int)up->options.slots);
    }
    child_arg(child, "--spool");
    child_arg(child, "%s/spool/agent-%zu", up->data.dir, index);
}

/* One machine is its own world: webhooks may reach loopback and private addresses, unless the
 * environment says otherwise. */
static const char webhook_ranges[] = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,"
                                     "fc00::/7";

static void add_api(struct up *up, size_t index)
{
    struct child *child = add_program(up, STAGE_API, "millrace-api", index);
    AUTO_STR address = sockets_address(up->options.host, up->ports[index]);
    child_arg(child, "--listen");
    child_arg(child, "%s", address);
    child_arg(child, "--bus");
    child_arg(child, "tcp://127.0.0.1:0");
    if (getenv("MILLRACE_WEBHOOK_ALLOW") == NULL) {
        child_arg(child, "--webhook-allow");
        child_arg(child, "%s", webhook_ranges);
    }
    child->env = up->api_env;
    child->pass_fd = up->listen_fds[index];
    child->is_listen = true;
}

/* Runs in its own folder, so that its socket and files need no long paths. SIGTERM when `up` dies:
 * it saves first. It keeps the lock of its folder until it is gone. everysec: on one machine a sync
 * for each answer costs most of the speed, and would only help against the machine's own crash. */
static void add_redis(struct up *up)
{
    static const char *const settings[] = {
        "--port", "0", "--unixsocket", "redis.sock", "--unixsocketperm", "700", "--dir", ".",
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy",
        "noeviction", "--daemonize", "no", "--supervised", "no", "--logfile", "",
        /* agents and API nodes may lag behind a burst; they are ours, so do not cut them */
        "--client-output-buffer-limit", "pubsub 256mb 64mb 60"};
    struct child *child = add_child(up, STAGE_REDIS, "redis");
    bool is_valkey = !programs_is_in_path("redis-server") && programs_is_in_path("valkey-server");
    child_arg(child, "%s", is_valkey ? "valkey-server" : "redis-server");
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        child_arg(child, "%s", settings[i]);
    }
    child->cwd = data_path(&up->data, "redis");
    child->death_signal = SIGTERM;
    child->pass_fd = up->data.redis_lock_fd;
}

void up_plan(struct up *up)
{
    AUTO_STR redis = up->options.redis != NULL
                         ? xstrdup(up->options.redis)
                         : xasprintf("unix://%s/redis/redis.sock", up->data.dir);
    up->api_env = build_env(redis, up->data.key, notices_address(up->notices));
    up->plain_env = build_env(redis, NULL, NULL);
    for (int64_t i = 0; i < up->options.agents; i++) {
        add_agent(up, (size_t)i);
    }
    add_metrics(up, add_program(up, STAGE_SCHEDULER, "millrace-scheduler", 0), 0);
    for (int64_t i = 0; i < up->options.api_nodes; i++) {
        add_api(up, (size_t)i);
    }
    if (up->options.redis == NULL) {
        add_redis(up);
    }
}

struct child *up_plan_helper(struct up *up)
{
    if (up->options.endpoints.count == 0) {
        return NULL;
    }
    AUTO_STR self = programs_self();
    AUTO_STR address = sockets_address(sockets_reach(up->options.host), up->ports[0]);
    struct child *child = child_new(up->loop, &up->data, "endpoints");
    child->is_helper = true;
    child->env = up->api_env;
    child->grace_ms = 1000;
    child->owner = up;
    child_arg(child, "%s", self);
    child_arg(child, "endpoints");
    child_arg(child, "apply");
    child_arg(child, "--quiet");
    child_arg(child, "--url");
    child_arg(child, "http://%s/v2", address);
    child_arg(child, "--");
    for (size_t i = 0; i < up->options.endpoints.count; i++) {
        child_arg(child, "%s", up->options.endpoints.items[i]);
    }
    return child;
}

void up_plan_free(struct up *up)
{
    for (size_t i = 0; i < up->child_count; i++) {
        child_free(up->children[i]);
    }
    child_free(up->helper);
    free(up->children);
    free_env(up->api_env);
    free_env(up->plain_env);
}
