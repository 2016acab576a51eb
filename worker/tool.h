/* A short program that helps the agent: run to its end, within a time. */
#ifndef WORKER_TOOL_H
#define WORKER_TOOL_H

#include "lines.h"
#include "process.h"

struct tool;

/* Whose programs they are. Embedded, zeroed memory with the fields set. */
struct tools {
    struct loop *loop;
    struct reaper *reaper;
    struct keeper *keeper;
    size_t count;            /* that have not ended */
    void (*on_gone)(void *); /* after the end of each, with arg; NULL: nobody waits for it */
    void *arg;
};

struct tool_result {
    bool is_ok;                    /* exit code 0, in time */
    bool is_late;                  /* killed, because its time was over */
    const struct process_end *end; /* NULL: it could not be started */
    struct slice output;           /* the last of it, clean; borrowed until the callback returns */
    struct slice problem;          /* one line, when not ok: how it ended and its last words */
};
typedef void (*tool_fn)(const struct tool_result *result, void *arg);

struct tool_spec {
    const char *const *argv; /* borrowed during the start */
    char *const *env;        /* NULL: the agent's without what is private; borrowed likewise */
    const char *mark;        /* see process.h; NULL: what it leaves behind lives on */
    uint64_t timeout_ms;     /* then it is killed */
    line_fn on_line;         /* each line it writes; NULL: nobody listens */
    tool_fn fn;              /* once, later, unless cancelled */
    void *arg;
};

/* Never fails at once: a program that cannot be started is told to fn, too. */
struct tool *tool_start(struct tools *tools, const struct tool_spec *spec);
/* Kills it; fn is not called. It counts in tools.count until it has ended. Accepts NULL. */
void tool_cancel(struct tool *tool);

#endif
