/* The agent writes signed group numbers into a pipe: +N to remember, -N to forget, 0 when there are
 * containers. End of file means that the agent is gone, however it ended; then each remembered
 * group gets SIGKILL, and so does whatever carries the mark of this agent in its environment; its
 * containers are removed.
 *
 * What must never happen: the keeper dies of a signal meant for the agent (own session, signals
 * ignored), holds a descriptor of the agent (all but the pipe are closed), or a handler inherits
 * the pipe's write end and keeps it open (close-on-exec). */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "leftovers.h"
#include "runtime.h"

#define GROUPS_MAX 4096 /* far above any number of slots */
#define REMOVE_S 60     /* a runtime that hangs is given up */

struct keeper {
    pid_t pid;
    int pipe_fd; /* write end */
};

struct groups {
    pid_t items[GROUPS_MAX];
    size_t count;
    bool has_containers;
};

static void note(struct groups *groups, int32_t order)
{
    if (order == 0) {
        groups->has_containers = true;
        return;
    }
    if (order > 0 && groups->count < GROUPS_MAX) {
        groups->items[groups->count++] = order;
        return;
    }
    for (size_t i = 0; i < groups->count; i++) {
        if (groups->items[i] == -order) {
            groups->items[i] = groups->items[--groups->count];
            return;
        }
    }
}

static void shed_descriptors(int keep)
{
    if (keep != 0) {
        (void)dup2(keep, 0);
    }
    (void)syscall(SYS_close_range, 1U, ~0U, 0U);
}

/* Processes in containers carry the mark, too, and so end before it comes to this, unless they are
 * another user's. */
static void remove_containers(const struct keeper_config *config)
{
    (void)signal(SIGALRM, SIG_DFL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)alarm(REMOVE_S);
    runtime_sweep(config->runtime, config->run);
}

_Noreturn static void keep(const struct keeper_config *config, int pipe_fd)
{
    static struct groups groups;
    (void)setsid();
    (void)prctl(PR_SET_NAME, "millrace-keeper");
    for (int number = 1; number < NSIG; number++) {
        if (number != SIGKILL && number != SIGSTOP && number != SIGSEGV && number != SIGBUS) {
            (void)signal(number, SIG_IGN);
        }
    }
    shed_descriptors(pipe_fd);
    int32_t order = 0;
    for (ssize_t got = 1; got != 0;) {
        got = read(0, &order, sizeof(order));
        if (got == (ssize_t)sizeof(order)) {
            note(&groups, order);
        } else if (got < 0 && errno != EINTR) {
            break;
        }
    }
    for (size_t i = 0; i < groups.count; i++) {
        (void)kill(-groups.items[i], SIGKILL);
    }
    leftovers_kill(config->mark);
    if (groups.has_containers) {
        remove_containers(config);
    }
    _exit(0);
}

enum err keeper_start(const struct keeper_config *config, struct keeper **ret_keeper)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return err_from_errno(errno);
    }
    pid_t pid = fork();
    if (pid < 0) {
        int number = errno;
        (void)close(fds[0]);
        (void)close(fds[1]);
        return err_from_errno(number);
    }
    if (pid == 0) {
        (void)close(fds[1]);
        keep(config, fds[0]);
    }
    (void)close(fds[0]);
    struct keeper *keeper = xcalloc(1, sizeof(*keeper));
    keeper->pid = pid;
    keeper->pipe_fd = fds[1];
    *ret_keeper = keeper;
    return ERR_OK;
}

/* Four bytes are written whole or not at all; a keeper that was killed makes the write fail, and
 * then PR_SET_PDEATHSIG is what is left. */
static void tell(struct keeper *keeper, int32_t order)
{
    ssize_t written = 0;
    do {
        written = write(keeper->pipe_fd, &order, sizeof(order));
    } while (written < 0 && errno == EINTR);
}

void keeper_add(struct keeper *keeper, pid_t group)
{
    tell(keeper, group);
}

void keeper_drop(struct keeper *keeper, pid_t group)
{
    tell(keeper, -group);
}

void keeper_note_containers(struct keeper *keeper)
{
    tell(keeper, 0);
}

void keeper_free(struct keeper *keeper)
{
    if (keeper != NULL) {
        (void)close(keeper->pipe_fd);
        (void)waitpid(keeper->pid, NULL, 0); /* at once: all it waits for is the pipe's end */
        free(keeper);
    }
}
