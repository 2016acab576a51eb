/* Runs in the keeper, when the agent is gone: plain blocking calls, no loop. A runtime that hangs
 * must not keep the keeper for ever, so the caller sets an alarm. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "runtime.h"

#define OUTPUT_MAX ((size_t)65536)
#define LEFT_MAX 512

/* All that comes is read, or its writer would end in the middle of its work; what fits is kept. */
static size_t read_all(int fd, char *out, size_t size)
{
    char excess[4096];
    size_t len = 0;
    ssize_t got = 0;
    do {
        bool has_room = len < size;
        got = has_room ? read(fd, out + len, size - len) : read(fd, excess, sizeof(excess));
        len += has_room && got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    return len;
}

/* What it wrote, when it ended well; else nothing. */
static size_t run(const char *const *argv, char *out, size_t size)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return 0;
    }
    struct spawn spawn = {.argv = (char *const *)argv,
                          .stdin_fd = -1,
                          .stdout_fd = fds[1],
                          .stderr_fd = -1,
                          .death_signal = SIGKILL};
    const char *step = NULL;
    pid_t pid = 0;
    enum err err = spawn_start(&spawn, &pid, &step);
    (void)close(fds[1]);
    size_t len = err == ERR_OK ? read_all(fds[0], out, size) : 0;
    (void)close(fds[0]);
    int status = -1;
    bool is_ok = err == ERR_OK && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
                 WEXITSTATUS(status) == 0;
    return is_ok ? len : 0;
}

static void sweep(const char *program, const char *filter)
{
    static char output[OUTPUT_MAX];
    const char *const list[] = {program, "ps", "--all", "--quiet", "--filter", filter, NULL};
    const char *argv[LEFT_MAX + 4] = {program, "kill"};
    size_t len = run(list, output, sizeof(output) - 1), count = 0;
    output[len] = '\0';
    for (char *id = output, *end; count < LEFT_MAX && (end = strchr(id, '\n')) != NULL;
         id = end + 1) {
        *end = '\0';
        argv[2 + count++] = id;
    }
    if (count == 0) {
        return;
    }
    (void)run(argv, NULL, 0); /* at once, where rm would let them end first */
    memmove(argv + 3, argv + 2, count * sizeof(*argv));
    argv[1] = "rm";
    argv[2] = "--force";
    (void)run(argv, NULL, 0);
}

void runtime_sweep(const char *setting, const char *run_id)
{
    AUTO_STR filter = xasprintf("label=" CONTAINER_RUN "=%s", run_id);
    if (strcmp(setting, RUNTIME_AUTO) != 0) {
        sweep(setting, filter);
        return;
    }
    sweep("podman", filter);
    sweep("docker", filter);
}
