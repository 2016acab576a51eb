/* The kernel keeps the list of our children, adopted ones included, in /proc; waitid() peeks at
 * ended ones without reaping them, because the owner wants the exit status. */
#include "strays.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/slice.h"

#define LIST_MAX 65536

void strays_adopt(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int peek(siginfo_t *info)
{
    *info = (siginfo_t){0};
    return waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT);
}

pid_t strays_next_end(void)
{
    siginfo_t info;
    return peek(&info) == 0 ? info.si_pid : 0;
}

bool strays_are_left(void)
{
    siginfo_t info;
    return peek(&info) == 0 || errno != ECHILD;
}

void strays_kill(void)
{
    AUTO_STR path = xasprintf("/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    AUTO_STR text = xmalloc(LIST_MAX);
    ssize_t got = read(fd, text, LIST_MAX);
    (void)close(fd);
    struct slice rest = {text, got > 0 ? (size_t)got : 0};
    while (rest.len > 0) {
        int64_t pid = slice_to_i64_or(slice_trim(slice_cut(&rest, ' ')), 0);
        if (pid > 0) {
            (void)kill((pid_t)pid, SIGKILL);
        }
    }
}
