/* A walk over /proc: a few milliseconds, only when a handler has ended or the agent has. What has
 * wiped its own environment is not found; nothing short of a control group would. */
#include "leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/slice.h"

#define ENVIRON_MAX ((size_t)256 * 1024)

static size_t read_environ(const char *pid, char *out, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    for (ssize_t got = 1; fd >= 0 && got > 0 && len<size; len += got> 0 ? (size_t)got : 0) {
        got = read(fd, out + len, size - len);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return len;
}

static bool has_variable(struct slice environment, struct slice variable)
{
    while (environment.len > 0) {
        if (slice_eq(slice_cut(&environment, '\0'), variable)) {
            return true;
        }
    }
    return false;
}

void leftovers_kill(const char *variable)
{
    static char environment[ENVIRON_MAX];
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
        int64_t pid = slice_to_i64_or(slice_of(entry->d_name), -1);
        if (pid <= 1 || pid == getpid()) {
            continue;
        }
        size_t len = read_environ(entry->d_name, environment, sizeof(environment));
        if (has_variable((struct slice){environment, len}, slice_of(variable))) {
            (void)kill((pid_t)pid, SIGKILL);
        }
    }
    if (proc != NULL) {
        (void)closedir(proc);
    }
}
