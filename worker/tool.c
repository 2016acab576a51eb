/* A process of its own group like a handler, so it ends with the agent. Most have no mark, because
 * what they start for good (podman's helper of a user's containers) must outlive them. */
#include "tool.h"

#include <stdlib.h>
#include <unistd.h>

#include "env.h"

#define OUTPUT_LINES 200
#define OUTPUT_BYTES 65536
#define PROBLEM_LINES 3
#define PROBLEM_BYTES 600

struct tool {
    struct tools *tools;
    struct process *process; /* NULL when it could not be started */
    struct timer timer;      /* of its time, or of telling that it could not be started */
    uint64_t timeout_ms;
    line_fn on_line;
    tool_fn fn; /* NULL once cancelled */
    void *arg;
    char *name, *problem; /* owned */
    bool is_late;
};

static void tool_free(struct tool *tool)
{
    struct tools *tools = tool->tools;
    timer_stop(&tool->timer);
    free(tool->name);
    free(tool->problem);
    free(tool);
    tools->count--;
    if (tools->on_gone != NULL) {
        tools->on_gone(tools->arg);
    }
}

static void tool_finish(struct tool *tool, const struct tool_result *result)
{
    if (tool->fn != NULL) {
        tool->fn(result, tool->arg);
    }
    tool_free(tool);
}

static void on_line(struct slice line, void *arg)
{
    const struct tool *tool = arg;
    if (tool->fn != NULL && tool->on_line != NULL) {
        tool->on_line(line, tool->arg);
    }
}

/* "podman pull: exit code 125: Error: ..." in one line. */
static void put_problem(const struct tool *tool, const struct process_end *end, struct buf *out)
{
    AUTO(buf_done) struct buf tail = BUF_INIT;
    buf_printf(out, "%s: ", tool->name);
    if (tool->is_late) {
        buf_printf(out, "not done within %llu s", (unsigned long long)(tool->timeout_ms / 1000));
    } else {
        process_end_text(end, out);
    }
    ring_tail(end->output, PROBLEM_LINES, PROBLEM_BYTES, &tail);
    for (struct slice rest = buf_slice(&tail); rest.len > 0;) {
        struct slice line = slice_trim(slice_cut(&rest, '\n'));
        buf_put_str(out, line.len > 0 ? ": " : "");
        buf_put_slice(out, line);
    }
}

static void on_end(const struct process_end *end, void *arg)
{
    struct tool *tool = arg;
    AUTO(buf_done) struct buf output = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    bool is_ok = end->exit_code == 0 && !tool->is_late;
    ring_tail(end->output, OUTPUT_LINES, OUTPUT_BYTES, &output);
    if (!is_ok) {
        put_problem(tool, end, &problem);
    }
    tool_finish(tool, &(struct tool_result){.is_ok = is_ok,
                                            .is_late = tool->is_late,
                                            .end = end,
                                            .output = buf_slice(&output),
                                            .problem = buf_slice(&problem)});
}

static void on_late(struct timer *timer)
{
    struct tool *tool = container_of(timer, struct tool, timer);
    tool->is_late = true;
    process_kill(tool->process);
}

static void on_not_started(struct timer *timer)
{
    struct tool *tool = container_of(timer, struct tool, timer);
    tool_finish(tool, &(struct tool_result){.problem = slice_of(tool->problem)});
}

struct tool *tool_start(struct tools *tools, const struct tool_spec *spec)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO(env_free) char **outside = spec->env == NULL ? env_outside(environ) : NULL;
    struct tool *tool = xcalloc(1, sizeof(*tool));
    *tool = (struct tool){.tools = tools,
                          .timeout_ms = spec->timeout_ms,
                          .on_line = spec->on_line,
                          .fn = spec->fn,
                          .arg = spec->arg,
                          .name = xasprintf("%s %s", spec->argv[0], spec->argv[1])};
    tools->count++;
    struct process_spec process = {.loop = tools->loop,
                                   .reaper = tools->reaper,
                                   .keeper = tools->keeper,
                                   .name = tool->name,
                                   .argv = (char *const *)spec->argv,
                                   .env = spec->env == NULL ? outside : spec->env,
                                   .mark = spec->mark};
    if (process_start(&process, &tool->process, &problem) != ERR_OK) {
        tool->problem = xasprintf("%s: %.*s", tool->name, SLICE_ARG(buf_slice(&problem)));
        timer_start(tools->loop, &tool->timer, 0, on_not_started);
        return tool;
    }
    process_on_end(tool->process, on_line, on_end, tool);
    timer_start(tools->loop, &tool->timer, spec->timeout_ms, on_late);
    return tool;
}

void tool_cancel(struct tool *tool)
{
    if (tool == NULL) {
        return;
    }
    tool->fn = NULL;
    if (tool->process != NULL) {
        timer_stop(&tool->timer);
        process_kill(tool->process);
    }
}
