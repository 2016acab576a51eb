/* stdout and stderr share one pipe that is read into a ring, and line by line to the owner. The end
 * is told from SIGCHLD, not from the pipe: a helper may keep the pipe open, and a handler may close
 * it.
 *
 *   start -> (stop -> kill) -> ended: group killed, pipe drained -> (what is outside cleared) ->
 *   owner told -> freed when uv closed
 *
 * What must never happen: a group is signalled after its leader was reaped and its number reused;
 * so the leftovers are killed in the same turn that reaps, and never again. */
#include "process_base.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "autopsy.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/spawn.h"
#include "leftovers.h"
#include "lines.h"
#include "oom.h"

#define READ_SIZE ((size_t)65536)

struct spawned {
    struct process base;
    struct child child;
    struct loop *loop;
    struct keeper *keeper;
    uv_pipe_t pipe;
    struct lines lines;
    struct timer kill_timer;
    char *name, *mark;
    struct process_outside *outside;
    struct process_end end;
    uint64_t started_ms;
    int64_t oom_before;          /* kills of the control group when it was started */
    bool is_stopping, has_ended; /* ended: perhaps something outside is still to be cleared */
};

static void spawned_stop(struct process *base, uint64_t grace_ms);
static void spawned_kill(struct process *base);
static void process_ended(struct child *child, int wait_status);

static void log_output(const struct spawned *process, struct slice bytes)
{
    while (bytes.len > 0 && log_is_on(LOG_LEVEL_DEBUG)) {
        struct slice line = slice_cut(&bytes, '\n');
        if (line.len > 0) {
            log_debug("handler.output", "worker=%s line=%s", process->name, log_quote(line));
        }
    }
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret_buf)
{
    static char shared[READ_SIZE]; /* used up before the next read begins */
    (void)handle;
    (void)size;
    *ret_buf = uv_buf_init(shared, sizeof(shared));
}

static void give_line(struct slice line, void *arg)
{
    const struct spawned *process = arg;
    if (process->base.on_line != NULL) {
        process->base.on_line(line, process->base.arg);
    }
}

static void take_output(struct spawned *process, struct slice output)
{
    ring_put(&process->base.ring, output);
    log_output(process, output);
    lines_feed(&process->lines, output, give_line, process);
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
    struct spawned *process = stream->data;
    if (got < 0) {
        (void)uv_read_stop(stream);
        return;
    }
    take_output(process, (struct slice){bytes->base, (size_t)got});
}

static void on_closed(uv_handle_t *handle)
{
    struct spawned *process = handle->data;
    ring_done(&process->base.ring);
    lines_done(&process->lines);
    free(process->name);
    free(process->mark);
    free(process);
}

static const struct process_ops spawned_ops = {
    .stop = spawned_stop, .release = spawned_stop, .kill = spawned_kill};

static enum err spawn_child(struct spawned *process, const struct process_spec *spec, int write_fd,
                            struct buf *problem)
{
    struct spawn spawn = {
        .argv = spec->argv,
        .env = spec->env,
        .cwd = spec->cwd,
        .stdin_fd = -1,
        .stdout_fd = write_fd,
        .stderr_fd = write_fd,
        .death_signal = SIGKILL,
    };
    const char *step = NULL;
    enum err err = spawn_start(&spawn, &process->child.pid, &step);
    if (err != ERR_OK) {
        buf_printf(problem, "%s: %s", step != NULL ? step : "spawn", err_text(err));
    }
    return err;
}

enum err process_start(const struct process_spec *spec, struct process **ret_process,
                       struct buf *problem)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        buf_printf(problem, "pipe: %s", strerror(errno));
        return err_from_errno(errno);
    }
    struct spawned *process = xcalloc(1, sizeof(*process));
    list_init(&process->child.link);
    enum err err = spawn_child(process, spec, fds[1], problem);
    (void)close(fds[1]);
    if (err != ERR_OK) {
        (void)close(fds[0]);
        free(process);
        return err;
    }
    process->loop = spec->loop;
    process->keeper = spec->keeper;
    process->name = xstrdup(spec->name);
    process->mark = spec->mark != NULL ? xstrdup(spec->mark) : NULL;
    process->outside = spec->outside;
    process->started_ms = clock_mono_ms();
    process->oom_before = oom_kills();
    process->child.on_end = process_ended;
    process->base.ops = &spawned_ops;
    process->base.pid = process->child.pid;
    process->base.is_up = true;
    keeper_add(spec->keeper, process->child.pid);
    ensure(uv_pipe_init(loop_uv(spec->loop), &process->pipe, 0) == 0);
    process->pipe.data = process;
    ensure(uv_pipe_open(&process->pipe, fds[0]) == 0);
    (void)uv_read_start((uv_stream_t *)&process->pipe, on_alloc, on_output);
    reaper_watch(spec->reaper, &process->child);
    *ret_process = &process->base;
    return ERR_OK;
}

static void on_grace_over(struct timer *timer)
{
    struct spawned *process = container_of(timer, struct spawned, kill_timer);
    log_warn("handler.kill", "worker=%s pid=%d reason=\"did not end after SIGTERM\"", process->name,
             (int)process->child.pid);
    spawned_kill(&process->base);
}

static void spawned_stop(struct process *base, uint64_t grace_ms)
{
    struct spawned *process = container_of(base, struct spawned, base);
    if (process->has_ended) {
        return;
    }
    uint64_t due_ms = loop_now_ms(process->loop) + grace_ms;
    bool is_sooner = !process->is_stopping || due_ms < process->kill_timer.due_ms;
    if (!process->is_stopping) {
        (void)kill(-process->child.pid, SIGTERM);
    }
    process->is_stopping = true;
    if (is_sooner) {
        timer_start(process->loop, &process->kill_timer, grace_ms, on_grace_over);
    }
}

static void spawned_kill(struct process *base)
{
    struct spawned *process = container_of(base, struct spawned, base);
    if (process->has_ended) {
        return;
    }
    if (process->outside != NULL) {
        process->outside->kill(process->outside);
    } else {
        process_kill_group(base);
    }
}

void process_kill_group(struct process *base)
{
    (void)kill(-base->pid, SIGKILL);
}

/* What the process wrote just before it ended is still in the pipe. */
static void drain_pipe(struct spawned *process)
{
    static char shared[READ_SIZE];
    uv_os_fd_t fd = -1;
    if (uv_fileno((uv_handle_t *)&process->pipe, &fd) != 0) {
        return;
    }
    for (size_t total = 0; total < RING_SIZE;) {
        ssize_t got = read(fd, shared, sizeof(shared));
        if (got <= 0) {
            return;
        }
        total += (size_t)got;
        take_output(process, (struct slice){shared, (size_t)got});
    }
}

/* Each kill that the kernel counts explains one end by SIGKILL (or a shell's 137). */
static int was_oom(const struct spawned *process, int wait_status)
{
    static int64_t explained;
    int64_t before = process->oom_before > explained ? process->oom_before : explained;
    int64_t kills = oom_kills();
    bool is_kill = (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL) ||
                   (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 128 + SIGKILL);
    if (kills < 0 || process->oom_before < 0) {
        return -1;
    }
    if (is_kill && kills > before) {
        explained = before + 1;
        return 1;
    }
    return 0;
}

static void process_ended(struct child *child, int wait_status)
{
    struct spawned *process = container_of(child, struct spawned, child);
    process->has_ended = true;
    (void)kill(-child->pid, SIGKILL); /* helpers it left behind, in its group or out of it */
    if (process->mark != NULL) {
        leftovers_kill(process->mark);
    }
    keeper_drop(process->keeper, child->pid);
    timer_stop(&process->kill_timer);
    drain_pipe(process);
    lines_flush(&process->lines, give_line, process);
    process->end = (struct process_end){
        .output = &process->base.ring,
        .exit_code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1,
        .signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0,
        .oom = was_oom(process, wait_status),
        .lived_ms = clock_mono_ms() - process->started_ms,
    };
    if (process->outside != NULL) {
        process->outside->clear(process->outside, &process->end);
    } else {
        process_cleared(&process->base);
    }
}

void process_cleared(struct process *base)
{
    struct spawned *process = container_of(base, struct spawned, base);
    if (process->base.on_end != NULL) {
        process->base.on_end(&process->end, process->base.arg);
    }
    uv_close((uv_handle_t *)&process->pipe, on_closed);
}

/* ---- of any kind ---- */

void process_on_end(struct process *process, line_fn on_line, process_fn fn, void *arg)
{
    process->on_line = on_line;
    process->on_end = fn;
    process->arg = arg;
}

pid_t process_pid(const struct process *process)
{
    return process->pid;
}

bool process_is_up(const struct process *process)
{
    return process->is_up;
}

const struct ring *process_output(const struct process *process)
{
    return &process->ring;
}

void process_stop(struct process *process, uint64_t grace_ms)
{
    process->ops->stop(process, grace_ms);
}

void process_kill(struct process *process)
{
    process->ops->kill(process);
}

void process_release(struct process *process, uint64_t grace_ms)
{
    process->ops->release(process, grace_ms);
}

void process_end_text(const struct process_end *end, struct buf *out)
{
    if (end->how != NULL) {
        buf_put_str(out, end->how);
    } else if (end->signal != 0) {
        buf_printf(out, "signal %d (", end->signal);
        autopsy_put_signal(end->signal, out);
        buf_put_char(out, ')');
    } else {
        buf_printf(out, "exit code %d", end->exit_code);
    }
}
