/* A child's life:  DOWN -> UP -> (ended) WAITING -> UP ...  and  UP -> STOPPING -> DOWN.
 *
 * Each start appends to its log and remembers where, so that the last words of a failed start can
 * be quoted. A start that fails (program gone, no process left) counts like an end: it is tried
 * again with back-off. A pid file that cannot be written later on, because the disk is full, is
 * said and lived with: the child runs.
 *
 * What must never happen: a pid that was reaped is signalled. child_reap() forgets it first. */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backoff.h"
#include "base/sm.h"
#include "base/spawn.h"
#include "message.h"

enum child_state { CHILD_DOWN, CHILD_UP, CHILD_WAITING, CHILD_STOPPING, CHILD_STATE_COUNT };

static const char *const state_names[CHILD_STATE_COUNT] = {"down", "up", "waiting", "stopping"};
static const uint32_t moves[CHILD_STATE_COUNT] = {
    [CHILD_DOWN] = SM_TO(CHILD_UP) | SM_TO(CHILD_WAITING),
    [CHILD_UP] = SM_TO(CHILD_DOWN) | SM_TO(CHILD_STOPPING),
    [CHILD_WAITING] = SM_TO(CHILD_UP) | SM_TO(CHILD_DOWN),
    [CHILD_STOPPING] = SM_TO(CHILD_DOWN),
};
static const struct sm child_sm = {"child", state_names, moves, CHILD_STATE_COUNT};

static void on_start_due(struct timer *timer);
static void on_grace_over(struct timer *timer);

static void move(struct child *child, enum child_state to)
{
    sm_move(&child_sm, &child->state, to, child->name);
}

struct child *child_new(struct loop *loop, const struct data *data, const char *name)
{
    struct child *child = xcalloc(1, sizeof(*child));
    child->name = xstrdup(name);
    child->argv = xcalloc(1, sizeof(*child->argv));
    child->loop = loop;
    child->data = data;
    child->pass_fd = -1;
    child->death_signal = SIGKILL;
    return child;
}

void child_free(struct child *child)
{
    if (child == NULL) {
        return;
    }
    ensure(child->pid == 0);
    timer_stop(&child->timer);
    for (char **arg = child->argv; *arg != NULL; arg++) {
        free(*arg);
    }
    free(child->argv);
    free(child->cwd);
    free(child->name);
    free(child);
}

void child_arg(struct child *child, const char *format, ...)
{
    AUTO(buf_done) struct buf arg = BUF_INIT;
    va_list args;
    va_start(args, format);
    (void)buf_vprintf(&arg, format, args);
    va_end(args);
    size_t count = 0;
    while (child->argv[count] != NULL) {
        count++;
    }
    child->argv = xrealloc(child->argv, (count + 2) * sizeof(*child->argv));
    child->argv[count] = buf_take_str(&arg);
    child->argv[count + 1] = NULL;
}

/* --- start --- */

static enum err spawn_child(struct child *child, int output_fd, struct buf *problem)
{
    struct spawn spawn = {
        .argv = child->argv,
        .env = child->env,
        .cwd = child->cwd,
        .stdin_fd = -1,
        .stdout_fd = child->is_helper ? -1 : output_fd,
        .stderr_fd = output_fd,
        .fds = &child->pass_fd,
        .fd_count = child->pass_fd >= 0 ? 1 : 0,
        .death_signal = child->death_signal,
        .is_listen = child->is_listen,
    };
    const char *step = "";
    enum err err = spawn_start(&spawn, &child->pid, &step);
    if (err != ERR_OK) {
        (void)buf_printf(problem, "cannot start %s (%s)", child->name, step);
    }
    return err;
}

static enum err spawn_logged(struct child *child, struct buf *problem)
{
    int log_fd;
    enum err err = data_open_log(child->data, child->name, &log_fd, &child->log_start);
    if (err != ERR_OK) {
        (void)buf_printf(problem, "cannot write %s/log/%s.log (%s)", child->data->dir, child->name,
                         err_text(err));
        return err;
    }
    err = spawn_child(child, log_fd, problem);
    (void)close(log_fd);
    return err;
}

enum err child_start(struct child *child, struct buf *problem)
{
    enum err err = child->is_helper ? spawn_child(child, STDERR_FILENO, problem)
                                    : spawn_logged(child, problem);
    if (err != ERR_OK) {
        return err;
    }
    move(child, CHILD_UP);
    child->started_ms = loop_now_ms(child->loop);
    if (!child->is_helper) {
        err = data_write_pid(child->data, child->name, child->pid);
    }
    if (err != ERR_OK) {
        message_error("cannot write %s/run/%s.pid (%s)", child->data->dir, child->name,
                      err_text(err));
    }
    return ERR_OK;
}

/* --- start again --- */

static void wait_to_start(struct child *child, const char *why)
{
    uint64_t delay_ms = backoff_ms(++child->ends);
    if (delay_ms == 0) {
        message("%s: %s, starting it again", child->name, why);
    } else {
        message("%s: %s, starting it again in %.1f s (end %u in a row, see %s/log/%s.log)",
                child->name, why, (double)delay_ms / 1000, child->ends, child->data->dir,
                child->name);
    }
    if (child->state != CHILD_WAITING) {
        move(child, CHILD_WAITING);
    }
    timer_start(child->loop, &child->timer, delay_ms, on_start_due);
}

void child_start_later(struct child *child, int status)
{
    if (loop_now_ms(child->loop) - child->started_ms >= BACKOFF_FORGET_MS) {
        child->ends = 0;
    }
    AUTO_STR text = child_status_text(status);
    AUTO_STR why = xasprintf("ended (%s)", text);
    wait_to_start(child, why);
}

static void start_again(struct child *child)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (child_start(child, &problem) != ERR_OK) {
        AUTO_STR why = buf_take_str(&problem);
        wait_to_start(child, why);
    }
}

static void on_start_due(struct timer *timer)
{
    start_again(container_of(timer, struct child, timer));
}

bool child_is_running(const struct child *child, pid_t pid)
{
    return child->state == CHILD_UP && child->pid == pid;
}

pid_t child_hand_over(struct child *child)
{
    pid_t old = child->pid;
    message("%s: stops when its last answers have ended, starting its successor", child->name);
    child->pid = 0;
    data_remove_pid(child->data, child->name);
    move(child, CHILD_DOWN);
    start_again(child);
    return old;
}

/* --- stop --- */

void child_stop(struct child *child)
{
    if (child->state == CHILD_WAITING) {
        timer_stop(&child->timer);
        move(child, CHILD_DOWN);
    }
    if (child->state != CHILD_UP) {
        return;
    }
    move(child, CHILD_STOPPING);
    (void)kill(child->pid, SIGTERM);
    timer_start(child->loop, &child->timer, child->grace_ms, on_grace_over);
}

static void on_grace_over(struct timer *timer)
{
    struct child *child = container_of(timer, struct child, timer);
    message("%s did not stop within %.0f s: killing it", child->name,
            (double)child->grace_ms / 1000);
    child_kill(child);
}

void child_kill(struct child *child)
{
    if (child->state == CHILD_WAITING) {
        child_stop(child);
    }
    if (child->pid == 0) {
        return;
    }
    if (child->state == CHILD_UP) {
        move(child, CHILD_STOPPING);
    }
    timer_stop(&child->timer);
    (void)kill(-child->pid, SIGKILL);
}

void child_reap(struct child *child)
{
    int status = 0;
    if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid) {
        return;
    }
    child->pid = 0;
    timer_stop(&child->timer);
    if (!child->is_helper) {
        data_remove_pid(child->data, child->name);
    }
    move(child, CHILD_DOWN);
    child->on_ended(child, status);
}

bool child_is_down(const struct child *child)
{
    return child->state == CHILD_DOWN;
}

bool child_is_stopping(const struct child *child)
{
    return child->state == CHILD_STOPPING;
}

/* --- words --- */

char *child_status_text(int status)
{
    if (WIFSIGNALED(status)) {
        return xasprintf("signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    return xasprintf("exit status %d", WEXITSTATUS(status));
}

char *child_last_words(const struct child *child)
{
    return data_last_words(child->data, child->name, child->log_start);
}
