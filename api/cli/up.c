/* millrace up: all of Millrace on one machine, supervised.
 *
 *   open   folder, locks, key, sockets      whatever is wrong here is told before anything runs
 *   redis  start, PING until +PONG          skipped with --redis
 *   nodes  start API, scheduler, agents; GET /healthz of each API node until 200
 *   apply  --endpoint documents, by a `millrace endpoints apply` of our own
 *   ready  print the one line on stdout; from here on an ended child is started again
 *   stop   agents, scheduler, API, Redis, stage by stage; then pid files and sockets are gone
 *
 * Before ready a child that exits by itself makes the start fail, with its last words, because it
 * would only do so again; one that was killed is started again. A failed start is one line, and
 * stops whatever it had started.
 *
 * What must never happen: two redis-servers on one append-only file (the shared lock, data.h); a
 * child that outlives `up` (each has a death signal); a timer that runs on when all is well. */
#include "up.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "client.h"
#include "command.h"
#include "document.h"
#include "message.h"
#include "programs.h"
#include "sockets.h"
#include "strays.h"

#define NOTE_MS 3000      /* until the wait for a node is told */
#define PATIENCE_MS 30000 /* for one answer; a Redis that is loading its data has all the time */
#define STRAYS_MS 2000    /* what a killed agent leaves is ended by its keeper long before */
#define PICKS_MAX 50
#define SIGNAL_COUNT 4

struct signals {
    uv_signal_t handles[SIGNAL_COUNT];
};

static enum err up_open(struct up *up, struct buf *problem);
static void up_run(struct up *up);
static void up_start_redis(struct up *up);
static void up_start_nodes(struct up *up);
static void up_ask_node(struct up *up);
static void up_apply(struct up *up);
static void up_ready(struct up *up);
static void up_fail(struct up *up, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void up_stop(struct up *up);
static void on_signal(uv_signal_t *handle, int number);
static void on_stopping(pid_t pid, void *arg);
static void forget_retired(struct up *up, pid_t pid);
static void on_child_signal(uv_signal_t *handle, int number);
static void on_ended(struct child *child, int status);
static void on_helper_ended(struct child *child, int status);
static void up_close(struct up *up);

int cmd_up(int argc, char **argv)
{
    /* static: the lists in its options live as long as the process, see config.h */
    static struct up up = {.data = {.lock_fd = -1, .redis_lock_fd = -1}, .probe = {.fd = -1}};
    struct config_spec spec = up_spec(&up.options);
    (void)config_load(&spec, argc, argv);
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (up_check(&up.options, &problem) != ERR_OK) {
        message_error("%.*s", SLICE_ARG(buf_slice(&problem)));
        return 2;
    }
    log_init("up", LOG_LEVEL_INFO);
    if (up_open(&up, &problem) == ERR_OK) {
        up_run(&up);
    } else {
        message_error("%.*s", SLICE_ARG(buf_slice(&problem)));
        up.exit_status = 1;
    }
    up_close(&up);
    return up.exit_status;
}

/* --- open: nothing runs yet --- */

static enum err check_documents(const struct up *up, struct buf *problem)
{
    for (size_t i = 0; i < up->options.endpoints.count; i++) {
        enum err err = document_check(up->options.endpoints.items[i], problem);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err check_redis_program(const struct up *up, struct buf *problem)
{
    if (up->options.redis != NULL || programs_is_in_path("redis-server") ||
        programs_is_in_path("valkey-server")) {
        return ERR_OK;
    }
    (void)buf_put_str(problem,
                      "no redis-server in PATH: install it (apt-get install redis-server), "
                      "or use a running one with --redis URL");
    return ERR_NO_FILE;
}

static void close_sockets(struct up *up)
{
    for (size_t i = 0; i < up->listen_count; i++) {
        (void)close(up->listen_fds[i]);
    }
    up->listen_count = 0;
}

/* Node i on port + i, also when the first port was picked by the system. */
static enum err open_sockets_from(struct up *up, int port, struct buf *problem)
{
    for (size_t i = 0; i < (size_t)up->options.api_nodes; i++) {
        int wanted = i == 0 ? port : up->ports[0] + (int)i;
        enum err err =
            sockets_listen(up->options.host, wanted, &up->listen_fds[i], &up->ports[i], problem);
        if (err != ERR_OK) {
            return err;
        }
        up->listen_count++;
    }
    return ERR_OK;
}

static enum err open_sockets(struct up *up, struct buf *problem)
{
    enum err err = open_sockets_from(up, (int)up->options.port, problem);
    for (int i = 0; i < PICKS_MAX && err == ERR_IN_USE && up->options.port == 0; i++) {
        close_sockets(up); /* the neighbour of the picked port is taken: pick another */
        buf_clear(problem);
        err = open_sockets_from(up, 0, problem);
    }
    return err;
}

static enum err up_open(struct up *up, struct buf *problem)
{
    enum err err = check_documents(up, problem);
    if (err == ERR_OK) {
        err = check_redis_program(up, problem);
    }
    if (err == ERR_OK) {
        err = data_open(&up->data, up->options.data, problem);
    }
    if (err == ERR_OK && up->options.redis == NULL) {
        err = data_lock_redis(&up->data, problem);
    }
    if (err == ERR_OK) {
        data_remove_old_pids(&up->data);
        err = open_sockets(up, problem);
    }
    return err == ERR_OK ? data_set_key(&up->data, up->options.api_key, problem) : err;
}

static void start_signals(struct up *up, struct signals *signals)
{
    static const int numbers[SIGNAL_COUNT] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        uv_signal_t *handle = &signals->handles[i];
        ensure(uv_signal_init(loop_uv(up->loop), handle) == 0);
        handle->data = up;
        uv_signal_cb fn = numbers[i] == SIGCHLD ? on_child_signal : on_signal;
        ensure(uv_signal_start(handle, fn, numbers[i]) == 0);
    }
}

static void up_run(struct up *up)
{
    struct signals signals;
    up->loop = loop_new();
    up->notices = notices_new(up->loop, on_stopping, up);
    up_plan(up);
    for (size_t i = 0; i < up->child_count; i++) {
        up->children[i]->on_ended = on_ended;
    }
    start_signals(up, &signals);
    strays_adopt();
    if (up->options.redis == NULL) {
        up_start_redis(up);
    } else {
        up_start_nodes(up);
    }
    loop_run(up->loop);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        uv_close((uv_handle_t *)&signals.handles[i], NULL);
    }
    up_plan_free(up);
    notices_free(up->notices);
    free(up->retired);
    loop_free(up->loop);
}

/* --- the way to ready --- */

static void start_stage(struct up *up, enum child_stage stage)
{
    for (size_t i = 0; i < up->child_count && !up->is_stopping; i++) {
        AUTO(buf_done) struct buf problem = BUF_INIT;
        struct child *child = up->children[i];
        if (child->stage == stage && child_start(child, &problem) != ERR_OK) {
            up_fail(up, "%.*s", SLICE_ARG(buf_slice(&problem)));
        }
    }
}

static void on_redis_answered(struct probe *probe)
{
    struct up *up = probe->owner;
    timer_stop(&up->patience);
    message_progress_end();
    up_start_nodes(up);
}

static void on_redis_late(struct timer *timer)
{
    struct up *up = container_of(timer, struct up, patience);
    if (strncmp(up->probe.last, "-LOADING", 8) == 0) {
        message("Redis is still loading its data");
        timer_start(up->loop, timer, PATIENCE_MS, on_redis_late);
        return;
    }
    struct slice last = slice_of(up->probe.last);
    struct slice line = slice_trim(slice_cut(&last, '\r'));
    up_fail(up, "Redis did not answer within %d s%s%.*s: see %s/log/redis.log", PATIENCE_MS / 1000,
            line.len > 0 ? ", last " : "", SLICE_ARG(line), up->data.dir);
}

static void up_start_redis(struct up *up)
{
    AUTO_STR socket = data_path(&up->data, "redis/redis.sock");
    (void)unlink(socket); /* of a killed one: its lock is ours, so it is gone */
    probe_init_unix(&up->probe, socket);
    up->probe.question = "PING\r\n";
    up->probe.awaited = "+PONG";
    up->probe.on_answer = on_redis_answered;
    up->probe.owner = up;
    start_stage(up, STAGE_REDIS);
    if (!up->is_stopping) {
        probe_start(up->loop, &up->probe);
        timer_start(up->loop, &up->patience, PATIENCE_MS, on_redis_late);
    }
}

static void up_start_nodes(struct up *up)
{
    start_stage(up, STAGE_API);
    start_stage(up, STAGE_SCHEDULER);
    start_stage(up, STAGE_AGENT);
    if (!up->is_stopping) {
        up_ask_node(up);
    }
}

static void on_node_answered(struct probe *probe)
{
    struct up *up = probe->owner;
    timer_stop(&up->patience);
    up->asked_node++;
    up_ask_node(up);
}

/* What the last answer said; the caller's. */
static char *node_reason(const struct up *up)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    const char *body = strstr(up->probe.last, "\r\n\r\n");
    if (body == NULL) {
        return xstrdup("no answer");
    }
    client_error_text(slice_of(body + 4), &text);
    return buf_take_str(&text);
}

static void on_node_late(struct timer *timer)
{
    struct up *up = container_of(timer, struct up, patience);
    AUTO_STR reason = node_reason(up);
    if (up->options.redis != NULL) {
        up_fail(up, "API node %zu cannot serve (%s): check the Redis at the URL of --redis",
                up->asked_node, reason);
    } else {
        up_fail(up, "API node %zu cannot serve (%s): see %s/log/api-%zu.log", up->asked_node,
                reason, up->data.dir, up->asked_node);
    }
}

static void on_node_slow(struct timer *timer)
{
    struct up *up = container_of(timer, struct up, patience);
    AUTO_STR reason = node_reason(up);
    message("waiting for API node %zu (%s)", up->asked_node, reason);
    timer_start(up->loop, timer, PATIENCE_MS - NOTE_MS, on_node_late);
}

static void up_ask_node(struct up *up)
{
    if (up->asked_node == (size_t)up->options.api_nodes) {
        up_apply(up);
        return;
    }
    const char *host = sockets_reach(up->options.host);
    if (probe_init_tcp(&up->probe, host, up->ports[up->asked_node]) != ERR_OK) {
        up_fail(up, "--host %s cannot be reached from this machine", host);
        return;
    }
    up->probe.question = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    up->probe.awaited = "HTTP/1.1 200 ";
    up->probe.on_answer = on_node_answered;
    up->probe.owner = up;
    probe_start(up->loop, &up->probe);
    timer_start(up->loop, &up->patience, NOTE_MS, on_node_slow);
}

static void up_apply(struct up *up)
{
    up->helper = up_plan_helper(up);
    if (up->helper == NULL) {
        up_ready(up);
        return;
    }
    up->helper->on_ended = on_helper_ended;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (child_start(up->helper, &problem) != ERR_OK) {
        up_fail(up, "%.*s", SLICE_ARG(buf_slice(&problem)));
    }
}

static void on_helper_ended(struct child *child, int status)
{
    struct up *up = child->owner;
    if (up->is_stopping) {
        return; /* on_child_signal() goes on */
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        up_ready(up);
        return;
    }
    up->exit_status = 1; /* the helper has said its one line on our stderr */
    up->is_quiet = true;
    up_stop(up);
}

static void up_ready(struct up *up)
{
    up->is_ready = true;
    AUTO_STR address = sockets_address(up->options.host, up->ports[0]);
    (void)printf("ready http://%s/v2\n", address);
    (void)fflush(stdout);
    message("key in %s/api-key, logs in %s/log; Ctrl-C stops all", up->data.dir, up->data.dir);
}

/* --- children that end --- */

static struct child *find_child(const struct up *up, pid_t pid)
{
    if (up->helper != NULL && up->helper->pid == pid) {
        return up->helper;
    }
    for (size_t i = 0; i < up->child_count; i++) {
        if (up->children[i]->pid == pid) {
            return up->children[i];
        }
    }
    return NULL;
}

/* --- children that hand over --- */

static void on_stopping(pid_t pid, void *arg)
{
    struct up *up = arg;
    struct child *child = find_child(up, pid);
    if (up->is_stopping || !up->is_ready || child == NULL || !child_is_running(child, pid)) {
        return;
    }
    up->retired = xrealloc(up->retired, (up->retired_count + 1) * sizeof(*up->retired));
    up->retired[up->retired_count++] = child_hand_over(child);
}

static void forget_retired(struct up *up, pid_t pid)
{
    for (size_t i = 0; i < up->retired_count; i++) {
        if (up->retired[i] == pid) {
            up->retired[i] = up->retired[--up->retired_count];
        }
    }
}

/* Asked a second time they end at once. */
static void end_retired(const struct up *up)
{
    for (size_t i = 0; i < up->retired_count; i++) {
        (void)kill(up->retired[i], SIGTERM);
    }
}

static void on_child_signal(uv_signal_t *handle, int number)
{
    (void)number;
    struct up *up = handle->data;
    for (pid_t pid = strays_next_end(); pid > 0; pid = strays_next_end()) {
        struct child *child = find_child(up, pid);
        if (child != NULL) {
            child_reap(child);
        } else {
            (void)waitpid(pid, NULL, 0);
            forget_retired(up, pid);
        }
    }
    if (up->is_stopping) {
        up_stop(up);
    }
}

/* One line: what ended, its last words or the full disk, and where to look. */
static void fail_start(struct up *up, const struct child *child, int status)
{
    AUTO_STR text = child_status_text(status);
    AUTO_STR words = child_last_words(child);
    if (data_is_full(&up->data)) {
        up_fail(up,
                "%s ended at its start (%s), no space left in %s: free some, or name another "
                "folder with --data",
                child->name, text, up->data.dir);
    } else if (words[0] != '\0') {
        up_fail(up, "%s ended at its start (%s): %s", child->name, text, words);
    } else {
        up_fail(up, "%s ended at its start (%s) and said nothing: see %s/log/%s.log", child->name,
                text, up->data.dir, child->name);
    }
}

static void on_ended(struct child *child, int status)
{
    struct up *up = child->owner;
    if (up->is_stopping) {
        return; /* on_child_signal() goes on */
    }
    if (up->is_ready || WIFSIGNALED(status)) {
        child_start_later(child, status);
    } else {
        fail_start(up, child, status);
    }
}

/* --- the way down --- */

static void up_fail(struct up *up, const char *format, ...)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    va_list args;
    va_start(args, format);
    (void)buf_vprintf(&text, format, args);
    va_end(args);
    message_error("%.*s", SLICE_ARG(buf_slice(&text)));
    up->exit_status = 1;
    up->is_quiet = true;
    up_stop(up);
}

static void kill_all(struct up *up, int number)
{
    message("killing what still runs");
    up->exit_status = 128 + number;
    for (size_t i = 0; i < up->child_count; i++) {
        child_kill(up->children[i]);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct up *up = handle->data;
    if (up->is_stopping) {
        kill_all(up, number);
        return;
    }
    up_stop(up);
}

/* Asks the children of a stage to stop; true when none of them is left. */
static bool stop_stage(struct up *up, unsigned stage)
{
    bool is_down = true;
    for (size_t i = 0; i < up->child_count; i++) {
        struct child *child = up->children[i];
        if (child->stage != stage || child_is_down(child)) {
            continue;
        }
        if (!child_is_stopping(child) && !up->is_quiet) {
            message("stopping %s", child->name);
        }
        child_stop(child);
        is_down = is_down && child_is_down(child);
    }
    return is_down;
}

static void on_strays_late(struct timer *timer)
{
    struct up *up = container_of(timer, struct up, patience);
    strays_kill(); /* their ends come as signals */
    timer_start(up->loop, timer, STRAYS_MS, on_strays_late);
}

/* All children are down; what they left behind (handlers whose agent was killed) ends by itself
 * within moments, or is ended. */
static void wait_for_strays(struct up *up)
{
    if (!strays_are_left()) {
        timer_stop(&up->patience);
        loop_stop(up->loop);
    } else if (!timer_is_running(&up->patience)) {
        timer_start(up->loop, &up->patience, STRAYS_MS, on_strays_late);
    }
}

/* Called again whenever a child has ended. */
static void up_stop(struct up *up)
{
    if (!up->is_stopping) {
        up->is_stopping = true;
        end_retired(up);
        probe_stop(&up->probe);
        timer_stop(&up->patience);
    }
    if (up->helper != NULL) {
        child_kill(up->helper);
    }
    while (up->stop_stage < STAGE_COUNT && stop_stage(up, up->stop_stage)) {
        up->stop_stage++;
    }
    bool is_helper_down = up->helper == NULL || child_is_down(up->helper);
    if (up->stop_stage == STAGE_COUNT && is_helper_down) {
        wait_for_strays(up);
    }
}

static void up_close(struct up *up)
{
    if (up->data.dir != NULL && up->data.redis_lock_fd >= 0 && up->loop != NULL) {
        AUTO_STR socket = data_path(&up->data, "redis/redis.sock");
        (void)unlink(socket);
    }
    close_sockets(up);
    data_close(&up->data);
}
