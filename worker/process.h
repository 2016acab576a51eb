/* ONE handler process: spawn, keep the last of its output, signal its group, tell its end.
 *
 * The process leads its own group; when it ends, whatever is left of the group, or carries its mark
 * in the environment, is killed. A process that is no child but a container beside this agent is
 * started by external.h and used by the same functions. */
#ifndef WORKER_PROCESS_H
#define WORKER_PROCESS_H

#include <sys/types.h>

#include "keeper.h"
#include "lines.h"
#include "reaper.h"
#include "ring.h"

struct process_end;
/* What a process runs out of reach of its group: a container. Neither calls back at once. */
struct process_outside {
    void (*kill)(struct process_outside *outside); /* SIGKILL is due; ends the process, too */
    /* The process has ended: remove what is left, correct `end`, then process_cleared(). */
    void (*clear)(struct process_outside *outside, struct process_end *end);
};

struct process_spec {
    struct loop *loop;
    struct reaper *reaper;
    struct keeper *keeper;
    const char *name;  /* for logs; copied */
    char *const *argv; /* borrowed during the start */
    char *const *env;
    const char *cwd;  /* NULL: the agent's */
    const char *mark; /* "NAME=value" of env that no other process has; copied; NULL: none */
    struct process_outside *outside; /* NULL: nothing; borrowed until process_cleared() */
};

struct process;
struct process_end {
    const struct ring *output; /* borrowed until the callback returns */
    int exit_code;             /* -1 when a signal ended it */
    int signal;                /* 0 when it exited */
    int oom;                   /* 1: killed for want of memory, 0: not, -1: not known */
    const char *how;           /* all that is known of the end of one that is no child; NULL */
    uint64_t lived_ms;
};
typedef void (*process_fn)(const struct process_end *end, void *arg);

/* problem gets the reason when it fails. The process frees itself after the callback. */
enum err process_start(const struct process_spec *spec, struct process **ret_process,
                       struct buf *problem);
/* on_line gets each line it writes, the last ones just before its end. */
void process_on_end(struct process *process, line_fn on_line, process_fn fn, void *arg);
pid_t process_pid(const struct process *process);  /* 0: not known */
bool process_is_up(const struct process *process); /* false: its container has not started yet */
const struct ring *process_output(const struct process *process);
/* SIGTERM to the group, SIGKILL after grace_ms. Repeated calls only shorten the wait. */
void process_stop(struct process *process, uint64_t grace_ms);
void process_kill(struct process *process);
/* It holds nothing and is not needed any more: a child is stopped, a container is left alone. */
void process_release(struct process *process, uint64_t grace_ms);
void process_kill_group(struct process *process); /* what is outside lives on */
void process_cleared(struct process *process);    /* by `outside`: the end is told now */
/* "exit code 3", "signal 9 (SIGKILL)". */
void process_end_text(const struct process_end *end, struct buf *out);

#endif
