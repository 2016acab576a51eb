/* Leadership.      ask -> answered -> (wait) -> ask ...
 *
 * lead.lua takes or keeps the lock and answers the epoch, 0 while another one holds it. A renewal
 * that fails is tried again; when the lock must have lapsed meanwhile the leader steps down without
 * being told. A process that was paused longer than the lock finds its own time over
 * (leader_is_leading() reads the monotonic clock), and were it to write all the same, assign.lua
 * refuses its epoch. When Redis comes back without its data, or with older ones, the leader brings
 * the epoch it had: a leadership begins anew, with a larger one.
 *
 * Leaving: asking for a lock of 1 ms gives one's own lock up, takes nobody else's, and needs no
 * script of its own. */
#include "leader.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "queue/queue.h"

static void leader_ask(struct timer *timer);
static void leader_answered(struct store_call *call, enum err err, const struct reply *reply);
static void set_epoch(struct leader *leader, int64_t epoch);
static void leader_resigned(struct store_call *call, enum err err, const struct reply *reply);

void leader_start(struct leader *leader, const struct leader_config *config)
{
    char suffix[17];
    id_hex(suffix, 8);
    *leader = (struct leader){.loop = config->loop,
                              .store = config->store,
                              .id = xasprintf("%s:%s", config->node_id, suffix),
                              .on_change = config->on_change,
                              .arg = config->arg};
    timer_start(leader->loop, &leader->timer, 0, leader_ask);
}

void leader_reconnected(struct leader *leader)
{
    if (timer_is_running(&leader->timer)) {
        timer_start(leader->loop, &leader->timer, 0, leader_ask);
    }
}

static void leader_ask(struct timer *timer)
{
    struct leader *leader = container_of(timer, struct leader, timer);
    if (leader->epoch != 0 && !leader_is_leading(leader)) {
        set_epoch(leader, 0);
    }
    timer_start(leader->loop, timer, leader->epoch != 0 ? LEADER_RENEW_MS : LEADER_FOLLOW_MS,
                leader_ask);
    /* A question that still waits for its answer stands for this one: a later sent_ms would promise
     * more time than the lock has. */
    if (!store_call_is_waiting(&leader->call) && store_is_ready(leader->store)) {
        leader->sent_ms = clock_mono_ms();
        queue_lead(leader->store, &leader->call, slice_of(leader->id), LEADER_LOCK_MS,
                   leader->epoch_seen, leader_answered);
    }
}

static void leader_answered(struct store_call *call, enum err err, const struct reply *reply)
{
    struct leader *leader = container_of(call, struct leader, call);
    int64_t epoch = 0;
    if (err == ERR_OK) {
        err = queue_lead_result(reply, &epoch, &leader->term);
    }
    if (err != ERR_OK) {
        return; /* the lock may still be held: leader_ask() looks at the clock */
    }
    leader->epoch_seen = epoch > leader->epoch_seen ? epoch : leader->epoch_seen;
    leader->lock_until_ms = leader->sent_ms + LEADER_LOCK_MS;
    set_epoch(leader, epoch);
}

static void set_epoch(struct leader *leader, int64_t epoch)
{
    if (epoch == leader->epoch) {
        return;
    }
    int64_t before = leader->epoch;
    leader->epoch = epoch;
    if (before != 0) {
        log_info("leader.ended", "epoch=%" PRId64, before);
        leader->on_change(leader->arg, false);
    }
    if (epoch != 0) {
        log_info("leader.gained", "epoch=%" PRId64, epoch);
        leader->on_change(leader->arg, true);
    }
}

bool leader_is_leading(const struct leader *leader)
{
    return leader->epoch != 0 && clock_mono_ms() < leader->lock_until_ms;
}

void leader_depose(struct leader *leader)
{
    set_epoch(leader, 0);
}

void leader_resign(struct leader *leader, void (*on_resigned)(void *arg))
{
    timer_stop(&leader->timer);
    store_detach(&leader->call);
    leader->on_resigned = on_resigned;
    bool is_leading = leader->epoch != 0;
    set_epoch(leader, 0);
    if (is_leading && store_is_ready(leader->store)) {
        queue_lead(leader->store, &leader->call, slice_of(leader->id), 1, leader->epoch_seen,
                   leader_resigned);
        return;
    }
    on_resigned(leader->arg);
}

static void leader_resigned(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)err;
    (void)reply;
    struct leader *leader = container_of(call, struct leader, call);
    leader->on_resigned(leader->arg);
}

void leader_done(struct leader *leader)
{
    timer_stop(&leader->timer);
    store_detach(&leader->call);
    free(leader->id);
    leader->id = NULL;
}
