/* millrace-scheduler: several may run, one leads.
 *
 *   leader (lock) -> tick (read, decide, apply)      feed: mr:wake, mr:conf -> tick
 *
 * Stopping: SIGTERM or SIGINT ends the rounds, gives the lock up, so that another one leads within
 * a second, and then ends the loop. When Redis does not answer, a second is waited and no more. */
#include <stdio.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "cluster.h"
#include "gauges.h"
#include "queue/role.h"
#include "tick.h"

#define PROGRAM "millrace-scheduler"

#define RESIGN_MS 1000
#define CHANNEL_WAKE "mr:wake"
#define CHANNEL_CONF "mr:conf"

struct scheduler {
    struct loop *loop;
    struct store *store;
    struct feed *feed;
    struct bus *bus;
    struct guard guard;
    struct leader leader;
    struct tick tick;
    struct timer resign_timer;
    struct exporter *exporter; /* NULL: not wanted */
};

static void read_settings(struct role *role, struct cluster_settings *cluster, int argc,
                          char **argv);
static void on_store_change(void *arg, bool is_ready);
static void on_leader_change(void *arg, bool is_leading);
static void on_message(struct slice channel, struct slice message, void *arg);
static void on_refused(void *arg);
static void on_stop(int signal, void *arg);

static void scheduler_start(struct scheduler *scheduler, const struct role *role,
                            const struct kubernetes_config *kubernetes)
{
    scheduler->loop = loop_new();
    guard_init(&scheduler->guard, scheduler->loop, role->guard);
    struct store_config store = {
        .url = role->redis, .on_change = on_store_change, .arg = scheduler};
    scheduler->store = store_new(scheduler->loop, &store);
    scheduler->bus = bus_new(scheduler->loop);
    struct tick_config tick = {.loop = scheduler->loop,
                               .store = scheduler->store,
                               .bus = scheduler->bus,
                               .leader = &scheduler->leader,
                               .kubernetes = kubernetes,
                               .on_refused = on_refused,
                               .arg = scheduler};
    tick_init(&scheduler->tick, &tick);
    struct leader_config leader = {.loop = scheduler->loop,
                                   .store = scheduler->store,
                                   .node_id = role->node_id,
                                   .on_change = on_leader_change,
                                   .arg = scheduler};
    leader_start(&scheduler->leader, &leader);
    scheduler->feed = feed_new(scheduler->store, on_message, scheduler);
    feed_add(scheduler->feed, CHANNEL_WAKE);
    feed_add(scheduler->feed, CHANNEL_CONF);
    loop_on_stop_signal(scheduler->loop, on_stop, scheduler);
}

static void scheduler_done(struct scheduler *scheduler)
{
    timer_stop(&scheduler->resign_timer);
    exporter_close(scheduler->exporter);
    feed_close(scheduler->feed);
    leader_done(&scheduler->leader);
    tick_done(&scheduler->tick);
    guard_done(&scheduler->guard);
    store_close(scheduler->store);
    bus_close(scheduler->bus);
    loop_free(scheduler->loop);
}

static void put_metrics(struct buf *out, void *arg)
{
    struct scheduler *scheduler = arg;
    gauges_put(out, &scheduler->tick, leader_is_leading(&scheduler->leader));
}

int main(int argc, char **argv)
{
    struct role role = {0};
    static struct cluster_settings cluster; /* owns what it was completed with, until the end */
    struct kubernetes_config kubernetes;
    read_settings(&role, &cluster, argc, argv);
    bool is_clustered = cluster_complete(&cluster, &kubernetes);
    struct scheduler scheduler = {0};
    scheduler_start(&scheduler, &role, is_clustered ? &kubernetes : NULL);
    scheduler.exporter = role_export(&role, PROGRAM, scheduler.loop, put_metrics, &scheduler);
    log_info("scheduler.started", "pid=%d", (int)getpid());
    loop_run(scheduler.loop);
    scheduler_done(&scheduler);
    log_info("scheduler.stopped", "pid=%d", (int)getpid());
    return guard_is_refused(&scheduler.guard) ? 1 : 0;
}

/* --- settings --- */

static void read_settings(struct role *role, struct cluster_settings *cluster, int argc,
                          char **argv)
{
    struct config_option options[CLUSTER_OPTIONS];
    cluster_put_options(cluster, options);
    const struct config_spec spec = {
        .program = PROGRAM,
        .summary =
            "Scales endpoints, assigns workers to agents and ends overdue jobs. Run several: "
            "one leads.",
        .options = options,
        .option_count = COUNT_OF(options),
    };
    static char name[] = "scheduler-01234567";
    id_hex(strchr(name, '-') + 1, 4);
    role->node_id = name;
    role_load(role, &spec, argc, argv);
}

/* --- events --- */

static void on_store_change(void *arg, bool is_ready)
{
    struct scheduler *scheduler = arg;
    if (is_ready) {
        log_info("store.ready", "leading=%d", scheduler->leader.epoch != 0);
        guard_look(&scheduler->guard, scheduler->store);
        leader_reconnected(&scheduler->leader);
        roster_reconnected(&scheduler->tick.roster);
        tick_wake(&scheduler->tick);
    } else {
        log_warn("store.away", "problem=%s", log_quote(slice_of(store_problem(scheduler->store))));
    }
}

static void on_leader_change(void *arg, bool is_leading)
{
    struct scheduler *scheduler = arg;
    if (is_leading) {
        tick_begin_leading(&scheduler->tick);
    } else {
        tick_end_leading(&scheduler->tick);
    }
}

/* A message of length 0 (subscribed again: some may have been missed) means the same. */
static void on_message(struct slice channel, struct slice message, void *arg)
{
    struct scheduler *scheduler = arg;
    bool is_known = message.len > 0 && roster_knows(&scheduler->tick.roster, message);
    if (slice_is(channel, CHANNEL_CONF) || !is_known) {
        roster_expect_change(&scheduler->tick.roster);
    }
    if (slice_is(channel, CHANNEL_CONF) && is_known) {
        roster_pardon(&scheduler->tick.roster, message); /* whoever applies it has corrected it */
    }
    tick_wake(&scheduler->tick);
}

static void on_refused(void *arg)
{
    struct scheduler *scheduler = arg;
    leader_depose(&scheduler->leader);
}

static void stop_loop(void *arg)
{
    struct scheduler *scheduler = arg;
    loop_stop(scheduler->loop);
}

static void on_resign_timeout(struct timer *timer)
{
    stop_loop(container_of(timer, struct scheduler, resign_timer));
}

static void on_stop(int signal, void *arg)
{
    struct scheduler *scheduler = arg;
    log_info("scheduler.stopping", "signal=%d", signal);
    timer_start(scheduler->loop, &scheduler->resign_timer, RESIGN_MS, on_resign_timeout);
    leader_resign(&scheduler->leader, stop_loop);
}
