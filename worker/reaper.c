/* One SIGCHLD watcher; each signal collects whatever has ended, watched or not, because several
 * ends may share one signal. */
#include "reaper.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <uv.h>

#include "base/err.h"

struct reaper {
    uv_signal_t signal;
    struct list children; /* child.link */
};

static void ended(struct reaper *reaper, pid_t pid, int wait_status)
{
    list_each (at, &reaper->children) {
        struct child *child = container_of(at, struct child, link);
        if (child->pid == pid) {
            list_unlink(&child->link);
            child->on_end(child, wait_status);
            return;
        }
    }
}

static void on_sigchld(uv_signal_t *handle, int number)
{
    (void)number;
    int wait_status = 0;
    for (pid_t pid; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;) {
        ended(handle->data, pid, wait_status);
    }
}

struct reaper *reaper_new(struct loop *loop)
{
    struct reaper *reaper = xcalloc(1, sizeof(*reaper));
    list_init(&reaper->children);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
    ensure(uv_signal_init(loop_uv(loop), &reaper->signal) == 0);
    reaper->signal.data = reaper;
    ensure(uv_signal_start(&reaper->signal, on_sigchld, SIGCHLD) == 0);
    uv_unref((uv_handle_t *)&reaper->signal);
    return reaper;
}

void reaper_watch(struct reaper *reaper, struct child *child)
{
    list_push(&reaper->children, &child->link);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void reaper_close(struct reaper *reaper)
{
    if (reaper != NULL) {
        uv_close((uv_handle_t *)&reaper->signal, on_closed);
    }
}
