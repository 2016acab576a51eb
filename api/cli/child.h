/* One supervised child of `millrace up`: started, watched, started again, stopped.
 *
 * The owner reaps (child_reap() on SIGCHLD) and decides in on_ended what an end means: it may call
 * child_start_later() there, or leave the child down. */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <sys/types.h>

#include "data.h"
#include "net/loop.h"

/* Stages stop one after the other, the last first to start. */
enum child_stage { STAGE_AGENT, STAGE_SCHEDULER, STAGE_API, STAGE_REDIS, STAGE_COUNT };

struct child;
typedef void (*child_ended_fn)(struct child *child, int status);

struct child {
    char *name;  /* "api-0": of its log and pid file; owned */
    char **argv; /* owned, NULL-terminated; grows by child_arg() */
    enum child_stage stage;
    char *const *env; /* borrowed */
    char *cwd;        /* owned; NULL: ours */
    int pass_fd;      /* becomes descriptor 3; -1: none */
    bool is_listen;   /* pass_fd is a listening socket, told by LISTEN_FDS */
    bool is_helper;   /* runs once and talks on our stderr: no log, no pid file */
    int death_signal; /* what it gets when `up` dies */
    uint64_t grace_ms;
    child_ended_fn on_ended;
    void *owner;
    /* private */
    struct loop *loop;
    const struct data *data;
    unsigned state;
    unsigned ends; /* since it was last well */
    pid_t pid;     /* 0: none */
    uint64_t started_ms;
    off_t log_start;
    struct timer timer; /* waits to start again, or to kill */
};

struct child *child_new(struct loop *loop, const struct data *data, const char *name);
void child_free(struct child *child); /* must be down; accepts NULL */
void child_arg(struct child *child, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* On an error `problem` says which step failed. */
enum err child_start(struct child *child, struct buf *problem);
/* Starts it again after the back-off, and says so in one line. Only from on_ended. */
void child_start_later(struct child *child, int status);
/* It stops by its own account, serving on what it has in hand: starts its successor, at once, and
 * answers the pid of the old one, which is the caller's from now on. Only while it is running. */
pid_t child_hand_over(struct child *child);
bool child_is_running(const struct child *child, pid_t pid);
/* SIGTERM, then SIGKILL when the grace has passed; a child that is not running is down at once,
 * without on_ended. */
void child_stop(struct child *child);
void child_kill(struct child *child);
/* Has it ended? Then its pid file goes and on_ended is called. */
void child_reap(struct child *child);
bool child_is_down(const struct child *child);
bool child_is_stopping(const struct child *child);

/* "exit status 1", "signal 9 (Killed)"; the caller's. */
char *child_status_text(int status);
/* What it wrote last, since its latest start; the caller's. */
char *child_last_words(const struct child *child);

#endif
