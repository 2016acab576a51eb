/*   want -> for each candidate: --version -> ps -> (rm) -> found: tell all who wait
 *                                \ failed -> next candidate ... none: tell the problems
 *
 * `docker` answers --version without its daemon; ps shows whether it works, and which containers an
 * earlier run of this agent has left though its keeper should have removed them. They are removed
 * before any container of this run exists, so none of its own is among them. */
#include "runtime.h"

#include "agent.h"
#include "base/digest.h"
#include "base/log.h"
#include "tool.h"

#define ASK_MS 30000
#define REMOVE_MS 60000
#define LEFT_MAX 256 /* removed in one go; more of them the next time */
#define ID_LEN 64

static const char *const known[] = {"podman", "docker", NULL};

struct runtime {
    struct agent *agent;
    const char *setting;
    char *owner, *filter; /* owned */
    struct list waits;    /* runtime_wait.link */
    struct timer timer;   /* tells those who ask when it is there already */
    struct tool *tool;    /* NULL when nothing is asked */
    const char *program;  /* the candidate, then what was found */
    size_t candidate;
    enum runtime_kind kind;
    bool is_there;
    struct buf problem; /* of the candidates so far */
};

static void runtime_search(struct runtime *runtime);
static void runtime_told_version(const struct tool_result *result, void *arg);
static void runtime_listed(const struct tool_result *result, void *arg);
static void runtime_removed(const struct tool_result *result, void *arg);
static void runtime_finish(struct runtime *runtime);

/* Two agents of one name on one machine belong to two Redis. The password may change. */
static char *owner_of(const struct agent_config *config)
{
    const char *rest = strstr(config->redis_url, "://");
    const char *at = strrchr(config->redis_url, '@');
    const char *place = at != NULL ? at + 1 : rest != NULL ? rest + 3 : config->redis_url;
    char hex[DIGEST_HEX_SIZE];
    digest_sha256_hex(slice_of(place), hex);
    return xasprintf("%s-%.12s", config->id, hex);
}

struct runtime *runtime_new(struct agent *agent, const char *setting)
{
    struct runtime *runtime = xcalloc(1, sizeof(*runtime));
    runtime->agent = agent;
    runtime->setting = setting;
    runtime->owner = owner_of(&agent->config);
    runtime->filter = xasprintf("label=" CONTAINER_OWNER "=%s", runtime->owner);
    list_init(&runtime->waits);
    return runtime;
}

void runtime_stop(struct runtime *runtime)
{
    ensure(list_is_empty(&runtime->waits));
    timer_stop(&runtime->timer);
    tool_cancel(runtime->tool);
    runtime->tool = NULL;
}

void runtime_free(struct runtime *runtime)
{
    if (runtime != NULL) {
        runtime_stop(runtime);
        buf_done(&runtime->problem);
        free(runtime->owner);
        free(runtime->filter);
        free(runtime);
    }
}

const char *runtime_program(const struct runtime *runtime)
{
    return runtime->program;
}

enum runtime_kind runtime_kind(const struct runtime *runtime)
{
    return runtime->kind;
}

const char *runtime_owner(const struct runtime *runtime)
{
    return runtime->owner;
}

/* ---- search ---- */

static void runtime_due(struct timer *timer)
{
    runtime_finish(container_of(timer, struct runtime, timer));
}

void runtime_want(struct runtime *runtime, struct runtime_wait *wait, runtime_fn fn)
{
    wait->fn = fn;
    list_push(&runtime->waits, &wait->link);
    if (runtime->is_there) {
        timer_start(runtime->agent->loop, &runtime->timer, 0, runtime_due);
    } else if (runtime->tool == NULL) {
        runtime->candidate = 0;
        runtime->problem.len = 0;
        runtime_search(runtime);
    }
}

void runtime_forget(struct runtime_wait *wait)
{
    list_unlink(&wait->link);
}

/* NULL behind the last one. */
static const char *candidate(const char *setting, size_t index)
{
    if (strcmp(setting, RUNTIME_AUTO) == 0) {
        return known[index];
    }
    return index == 0 ? setting : NULL;
}

static void ask(struct runtime *runtime, const char *const *argv, uint64_t timeout_ms, tool_fn fn)
{
    const struct tool_spec spec = {
        .argv = argv, .timeout_ms = timeout_ms, .fn = fn, .arg = runtime};
    runtime->tool = tool_start(&runtime->agent->tools, &spec);
}

static void runtime_search(struct runtime *runtime)
{
    runtime->program = candidate(runtime->setting, runtime->candidate++);
    if (runtime->program == NULL) {
        runtime_finish(runtime);
        return;
    }
    ask(runtime, (const char *const[]){runtime->program, "--version", NULL}, ASK_MS,
        runtime_told_version);
}

static void search_on(struct runtime *runtime, struct slice problem)
{
    buf_put_str(&runtime->problem, runtime->problem.len > 0 ? "; " : "");
    buf_put_slice(&runtime->problem, problem);
    runtime_search(runtime);
}

/* "podman version 4.3.1", "Docker version 28.2.2, build ..."; podman in place of docker says
 * podman. */
static void runtime_told_version(const struct tool_result *result, void *arg)
{
    struct runtime *runtime = arg;
    runtime->tool = NULL;
    if (!result->is_ok) {
        search_on(runtime, result->problem);
        return;
    }
    bool is_docker = memmem(result->output.ptr, result->output.len, "Docker version", 14) != NULL;
    runtime->kind = is_docker ? RUNTIME_DOCKER : RUNTIME_PODMAN;
    ask(runtime,
        (const char *const[]){runtime->program, "ps", "--all", "--quiet", "--no-trunc", "--filter",
                              runtime->filter, NULL},
        ASK_MS, runtime_listed);
}

static bool is_id(struct slice line)
{
    size_t digits = 0;
    while (digits < line.len && strchr("0123456789abcdef", line.ptr[digits]) != NULL) {
        digits++;
    }
    return line.len == ID_LEN && digits == line.len;
}

/* The ids among the lines, behind what the command already has. Copied into `text`. */
static size_t put_ids(struct slice output, char text[][ID_LEN + 1], const char **argv)
{
    size_t count = 0;
    while (output.len > 0 && count < LEFT_MAX) {
        struct slice line = slice_trim(slice_cut(&output, '\n'));
        if (is_id(line)) {
            memcpy(text[count], line.ptr, ID_LEN);
            text[count][ID_LEN] = '\0';
            argv[count] = text[count];
            count++;
        }
    }
    argv[count] = NULL;
    return count;
}

static void runtime_listed(const struct tool_result *result, void *arg)
{
    struct runtime *runtime = arg;
    char ids[LEFT_MAX][ID_LEN + 1];
    const char *argv[LEFT_MAX + 4] = {runtime->program, "rm", "--force"};
    runtime->tool = NULL;
    if (!result->is_ok) {
        search_on(runtime, result->problem);
        return;
    }
    size_t left = put_ids(result->output, ids, argv + 3);
    log_info("runtime.found", "program=%s containers_left=%zu", runtime->program, left);
    if (left > 0) {
        ask(runtime, argv, REMOVE_MS, runtime_removed);
        return;
    }
    runtime->is_there = true;
    runtime_finish(runtime);
}

static void runtime_removed(const struct tool_result *result, void *arg)
{
    struct runtime *runtime = arg;
    runtime->tool = NULL;
    if (!result->is_ok) {
        log_warn("container.left", "problem=%s", log_quote(result->problem));
    }
    runtime->is_there = true;
    runtime_finish(runtime);
}

/* Who is told may ask again at once, which begins a new search: hence the copy. */
static void runtime_finish(struct runtime *runtime)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    struct list waits;
    if (!runtime->is_there) {
        (void)buf_put_slice(&problem, buf_slice(&runtime->problem));
    }
    list_init(&waits);
    list_splice(&waits, &runtime->waits);
    for (struct list *at; (at = list_pop(&waits)) != NULL;) {
        struct runtime_wait *wait = container_of(at, struct runtime_wait, link);
        wait->fn(wait, buf_slice(&problem));
    }
}
