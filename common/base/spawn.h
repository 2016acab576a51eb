/* Starts one child process: fork, set up, exec, with the error of a failed exec told to the caller.
 *
 * The child leads its own process group (signals go to the whole group with kill(-pid)), gets
 * `death_signal` when the thread that spawned it ends, has default signal handlers, and inherits no
 * descriptor but 0, 1, 2 and the ones listed. Reaping is the caller's (waitpid). */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define SPAWN_FDS_MAX 64

struct spawn {
    char *const *argv; /* argv[0] is looked up in PATH of env when it has no slash */
    char *const *env;  /* NULL-terminated "NAME=value"; NULL: the caller's */
    const char *cwd;   /* NULL: the caller's */
    int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null */
    const int *fds; /* become 3, 4, ... in the child (as LISTEN_FDS wants them) */
    size_t fd_count;
    int death_signal; /* 0: none */
    bool is_listen;   /* adds LISTEN_FDS=fd_count and LISTEN_PID to the environment */
};

/* ret_problem names the step that failed ("cd /no/such", "exec python3"), static per call. */
enum err spawn_start(const struct spawn *spawn, pid_t *ret_pid, const char **ret_problem);

#endif
