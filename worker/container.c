/*   client ends -> (exit code 137: was it for want of memory?) -> removed -> the end is told
 *   kill        -> removed -> the client ends by itself, or is killed -> as above
 *
 * The next worker starts only after the removal: cards, ports and memory are free by then. What
 * must never happen: an agent that waits for ever for a runtime that hangs, so both steps have a
 * time. */
#include "container.h"

#include <signal.h>

#include "agent.h"
#include "base/log.h"
#include "env.h"
#include "runtime.h"
#include "tool.h"

#define ASK_MS 10000
#define REMOVE_MS 30000
#define KILLED (128 + SIGKILL) /* exit code of the client when the handler was killed */

struct container {
    struct process_outside outside;
    struct agent *agent;
    char *name; /* owned */
    struct process *process;
    struct process_end *end; /* of the client; NULL while it runs */
    struct tool *tool;       /* that removes it, or asks; NULL */
    bool is_removed;
};

static void container_kill(struct process_outside *outside);
static void container_clear(struct process_outside *outside, struct process_end *end);
static void container_ask(struct container *container);
static void container_asked(const struct tool_result *result, void *arg);
static void container_remove(struct container *container);
static void container_removed(const struct tool_result *result, void *arg);
static void container_finish(struct container *container);

struct container *container_new(struct agent *agent, const char *name)
{
    struct container *container = xcalloc(1, sizeof(*container));
    container->outside = (struct process_outside){container_kill, container_clear};
    container->agent = agent;
    container->name = xstrdup(name);
    return container;
}

struct process_outside *container_outside(struct container *container)
{
    return &container->outside;
}

void container_started(struct container *container, struct process *process)
{
    container->process = process;
    keeper_note_containers(container->agent->config.keeper);
}

void container_free(struct container *container)
{
    if (container != NULL) {
        ensure(container->tool == NULL);
        free(container->name);
        free(container);
    }
}

static struct container *container_of_outside(struct process_outside *outside)
{
    return container_of(outside, struct container, outside);
}

static void container_kill(struct process_outside *outside)
{
    struct container *container = container_of_outside(outside);
    if (container->tool == NULL) {
        container_remove(container);
    }
}

static void container_clear(struct process_outside *outside, struct process_end *end)
{
    struct container *container = container_of_outside(outside);
    container->end = end;
    if (container->tool != NULL) { /* being removed */
        return;
    }
    if (end->exit_code == KILLED && !container->is_removed) {
        container_ask(container);
    } else {
        container_remove(container);
    }
}

static void run(struct container *container, const char *const *argv, uint64_t timeout_ms,
                tool_fn fn)
{
    const struct tool_spec spec = {
        .argv = argv, .timeout_ms = timeout_ms, .fn = fn, .arg = container};
    container->tool = tool_start(&container->agent->tools, &spec);
}

/* The kernel's kills inside a container count in a control group that is not the agent's. */
static void container_ask(struct container *container)
{
    const char *const argv[] = {
        runtime_program(container->agent->runtime), "container",     "inspect", "--format",
        "millrace-oom {{.State.OOMKilled}}",        container->name, NULL};
    run(container, argv, ASK_MS, container_asked);
}

static void container_asked(const struct tool_result *result, void *arg)
{
    static const char sign[] = "millrace-oom true";
    struct container *container = arg;
    container->tool = NULL;
    if (result->output.len > 0 &&
        memmem(result->output.ptr, result->output.len, sign, sizeof(sign) - 1) != NULL) {
        container->end->oom = 1;
    }
    container_remove(container);
}

static void container_remove(struct container *container)
{
    const struct runtime *runtime = container->agent->runtime;
    AUTO(env_free)
    char **argv =
        container_remove_argv(runtime_program(runtime), runtime_kind(runtime), container->name);
    run(container, (const char *const *)argv, REMOVE_MS, container_removed);
}

/* One that had not been made yet, or is gone already, is an error to some runtimes. */
static bool is_missing(struct slice problem)
{
    static const char *const signs[] = {"No such container", "no such container",
                                        "no container with"};
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        if (problem.len > 0 &&
            memmem(problem.ptr, problem.len, signs[i], strlen(signs[i])) != NULL) {
            return true;
        }
    }
    return false;
}

static void container_removed(const struct tool_result *result, void *arg)
{
    struct container *container = arg;
    container->tool = NULL;
    container->is_removed = result->is_ok || is_missing(result->problem);
    if (!container->is_removed) {
        log_warn("container.left", "name=%s problem=%s", container->name,
                 log_quote(result->problem));
    }
    if (container->end != NULL) {
        container_finish(container);
    } else { /* the client may have seen nothing of it */
        process_kill_group(container->process);
    }
}

/* The exit code is the handler's, as a shell would tell it. */
static void container_finish(struct container *container)
{
    struct process *process = container->process;
    struct process_end *end = container->end;
    if (end->exit_code > 128 && end->exit_code < 128 + NSIG) {
        end->signal = end->exit_code - 128;
        end->exit_code = -1;
    }
    container_free(container);
    process_cleared(process);
}
