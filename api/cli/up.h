/* What the files of `millrace up` share: its settings, its children, and its way from start to end.
 * up_options.c reads the settings, up_plan.c turns them into children, up.c runs them. */
#ifndef CLI_UP_H
#define CLI_UP_H

#include "base/config.h"
#include "child.h"
#include "notices.h"
#include "probe.h"

#define UP_NODES_MAX 64

struct up_options {
    const char *host;
    int64_t port;
    const char *data;
    const char *redis; /* NULL: start an own one */
    const char *api_key;
    const char *log_level; /* NULL: the programs' default */
    struct config_strings endpoints;
    int64_t api_nodes, agents;
    int64_t slots;        /* -1: the agent's default */
    int64_t metrics_port; /* of the scheduler, agent i one port and i more; -1: nowhere */
};

struct up {
    struct up_options options;
    struct data data;
    struct loop *loop;
    struct child **children; /* owned; in the order of their stages */
    size_t child_count;
    int listen_fds[UP_NODES_MAX]; /* one for each API node, open as long as `up` lives */
    int ports[UP_NODES_MAX];
    size_t listen_count;
    struct notices *notices; /* of API nodes that stop; NULL: the system has none */
    pid_t *retired;          /* nodes that stop while their successors serve already; not reaped */
    size_t retired_count;
    char **api_env;   /* ours, with the key */
    char **plain_env; /* ours, without it: handlers must not see the admin key */
    /* the way to ready */
    struct probe probe;
    struct timer patience; /* ends the wait for an answer, later the one for strays */
    size_t asked_node;     /* whose /healthz is asked */
    struct child *helper;  /* applies the endpoint documents; NULL when there are none */
    bool is_ready;
    /* the way down */
    bool is_stopping;
    bool is_quiet; /* a failed start says its one line and nothing else */
    unsigned stop_stage;
    int exit_status;
};

struct config_spec up_spec(struct up_options *options);
/* Settings that need each other; problem holds the line to print. */
enum err up_check(struct up_options *options, struct buf *problem);

/* Creates all children, not started. */
void up_plan(struct up *up);
void up_plan_free(struct up *up);
/* The one that posts --endpoint documents, or NULL. */
struct child *up_plan_helper(struct up *up);

#endif
