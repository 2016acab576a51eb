/* fork and exec with a close-on-exec pipe: when exec succeeds the pipe closes empty, when a step
 * fails the child writes which one and its errno. Between fork and exec only async-signal-safe
 * calls are made, because the program may have library threads. */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

enum step { STEP_NONE, STEP_SETUP, STEP_CWD, STEP_EXEC };

struct failure {
    enum step step;
    int number;
};

struct child {
    const struct spawn *spawn;
    char **env;
    char **paths;     /* candidates for exec, NULL-terminated */
    char *listen_pid; /* points into env; the digits are written by the child */
    pid_t parent;
    int report_fd;
};

static const char *env_value(char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (; *env != NULL; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') {
            return *env + len + 1;
        }
    }
    return NULL;
}

static bool is_listen_variable(const char *text)
{
    return strncmp(text, "LISTEN_", 7) == 0;
}

/* The child's environment: never the caller's own LISTEN_* variables. */
static char **env_build(const struct spawn *spawn, char **ret_listen_pid)
{
    char *const *from = spawn->env != NULL ? spawn->env : environ;
    size_t count = 0;
    while (from[count] != NULL) {
        count++;
    }
    char **env = xcalloc(count + 3, sizeof(*env));
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_listen_variable(from[i])) {
            env[at++] = xstrdup(from[i]);
        }
    }
    if (spawn->is_listen) {
        env[at++] = xasprintf("LISTEN_FDS=%zu", spawn->fd_count);
        env[at] = xasprintf("LISTEN_PID=%20s", "");
        *ret_listen_pid = strchr(env[at], '=') + 1;
    }
    return env;
}

static void strings_free(char **items)
{
    for (char **at = items; at != NULL && *at != NULL; at++) {
        free(*at);
    }
    free(items);
}
AUTO_DEFINE(strings_free, char **)

static char **paths_build(const char *program, char *const *env)
{
    if (strchr(program, '/') != NULL) {
        char **one = xcalloc(2, sizeof(*one));
        one[0] = xstrdup(program);
        return one;
    }
    const char *path = env_value(env, "PATH");
    AUTO_STR rest = xstrdup(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
    char **paths = xcalloc(strlen(rest) + 2, sizeof(*paths));
    size_t count = 0;
    char *save = NULL;
    for (char *dir = strtok_r(rest, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
        paths[count++] = xasprintf("%s/%s", dir, program);
    }
    return paths;
}

static void write_pid(char *out)
{
    char digits[20];
    size_t count = 0;
    for (pid_t pid = getpid(); pid > 0; pid /= 10) {
        digits[count++] = (char)('0' + pid % 10);
    }
    while (count > 0) {
        *out++ = digits[--count];
    }
    *out = '\0';
}

_Noreturn static void child_fail(const struct child *child, enum step step)
{
    struct failure failure = {step, errno};
    ssize_t written = write(child->report_fd, &failure, sizeof(failure));
    (void)written;
    _exit(127);
}

static void child_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++) {
        if (number != SIGKILL && number != SIGSTOP) {
            (void)signal(number, SIG_DFL);
        }
    }
}

/* Moves the descriptors to 0, 1, 2, 3...; first out of the way, then into place. */
static void child_descriptors(struct child *child)
{
    const struct spawn *spawn = child->spawn;
    int wanted[SPAWN_FDS_MAX + 3] = {spawn->stdin_fd, spawn->stdout_fd, spawn->stderr_fd};
    int count = 3;
    for (size_t i = 0; i < spawn->fd_count; i++) {
        wanted[count++] = spawn->fds[i];
    }
    int above = count + 1;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int moved[SPAWN_FDS_MAX + 3];
    for (int i = 0; i < count; i++) {
        moved[i] = fcntl(wanted[i] >= 0 ? wanted[i] : null_fd, F_DUPFD_CLOEXEC, above);
        if (moved[i] < 0) {
            child_fail(child, STEP_SETUP);
        }
    }
    int report_fd = fcntl(child->report_fd, F_DUPFD_CLOEXEC, above);
    for (int i = 0; i < count; i++) {
        if (dup2(moved[i], i) < 0) {
            child_fail(child, STEP_SETUP);
        }
    }
    child->report_fd = report_fd;
    (void)syscall(SYS_close_range, (unsigned)count, (unsigned)report_fd - 1, 0);
    (void)syscall(SYS_close_range, (unsigned)report_fd + 1, ~0U, 0);
}

_Noreturn static void child_run(struct child *child)
{
    const struct spawn *spawn = child->spawn;
    child_signals();
    (void)setpgid(0, 0);
    if (spawn->death_signal != 0) {
        (void)prctl(PR_SET_PDEATHSIG, spawn->death_signal);
        if (getppid() != child->parent) {
            _exit(127); /* the parent was gone before the signal was set */
        }
    }
    child_descriptors(child);
    if (spawn->cwd != NULL && chdir(spawn->cwd) != 0) {
        child_fail(child, STEP_CWD);
    }
    if (child->listen_pid != NULL) {
        write_pid(child->listen_pid);
    }
    int number = ENOENT;
    for (char **path = child->paths; *path != NULL; path++) {
        (void)execve(*path, spawn->argv, child->env);
        if (errno != ENOENT && errno != ENOTDIR) {
            number = errno;
        }
    }
    errno = number;
    child_fail(child, STEP_EXEC);
}

static enum err parent_wait(const struct spawn *spawn, int report_fd, pid_t pid,
                            const char **ret_problem)
{
    static char problem[512];
    struct failure failure;
    ssize_t got;
    do {
        got = read(report_fd, &failure, sizeof(failure));
    } while (got < 0 && errno == EINTR);
    (void)close(report_fd);
    if (got != (ssize_t)sizeof(failure)) {
        return ERR_OK;
    }
    (void)waitpid(pid, NULL, 0);
    (void)snprintf(problem, sizeof(problem), "%s %s: %s",
                   failure.step == STEP_CWD    ? "cd"
                   : failure.step == STEP_EXEC ? "exec"
                                               : "set up",
                   failure.step == STEP_CWD ? spawn->cwd : spawn->argv[0],
                   strerror(failure.number));
    *ret_problem = problem;
    return err_from_errno(failure.number);
}

enum err spawn_start(const struct spawn *spawn, pid_t *ret_pid, const char **ret_problem)
{
    ensure(spawn->argv[0] != NULL && spawn->fd_count <= SPAWN_FDS_MAX);
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        *ret_problem = "pipe";
        return err_from_errno(errno);
    }
    struct child child = {.spawn = spawn, .parent = getpid(), .report_fd = report[1]};
    AUTO(strings_free) char **env = env_build(spawn, &child.listen_pid);
    AUTO(strings_free) char **paths = paths_build(spawn->argv[0], env);
    child.env = env;
    child.paths = paths;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before); /* no handler of ours runs in the child */
    pid_t pid = fork();
    if (pid == 0) {
        child_run(&child);
    }
    int number = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(report[1]);
    if (pid < 0) {
        (void)close(report[0]);
        *ret_problem = "fork";
        return err_from_errno(number);
    }
    (void)setpgid(pid, pid); /* also here: the caller may signal the group at once */
    enum err err = parent_wait(spawn, report[0], pid, ret_problem);
    if (err == ERR_OK) {
        *ret_pid = pid;
    }
    return err;
}
