/* job-take: a handler asks, jobs of the store answer.
 *
 *   a poll comes -> take for all hungry polls -> deal out -> hungry ones left? listen -> take ...
 *
 * Listening is BLPOP on the endpoint's bell over a connection of its own, one second at most; a
 * token or silence leads to the next take, so a lost token costs a second, never a job. A token
 * that finds nobody hungry is passed on: it may have been meant for another agent.
 *
 * A take is the one transition that cannot be repeated. What it took without reaching a handler
 * (the reply was lost, the poll had gone) goes back uncounted by `reclaim`, which names all jobs
 * held here; so a take and a reclaim are never on their way together. */
#include "take.h"

#include "base/log.h"
#include "base/sm.h"
#include "forward.h"
#include "held.h"
#include "lost.h"
#include "plane.h"
#include "server.h"
#include "share.h"
#include "slot.h"
#include "spool.h"
#include "url.h"

#define BELL_SECONDS "1"
#define RETRY_MS 500
#define STOPPING_MS 250 /* answers to a process that shall end but asks on */

static void taker_next(struct taker *taker);
static void take_start(struct taker *taker);
static void take_stored(struct store_call *call, enum err err, const struct reply *reply);
static void listen_start(struct taker *taker);
static void listen_heard(struct store_call *call, enum err err, const struct reply *reply);
static void reclaim_start(struct taker *taker);
static void reclaim_stored(struct store_call *call, enum err err, const struct reply *reply);

static const char *const state_names[] = {"idle", "taking", "listening", "reclaiming", "paused"};
static const uint32_t moves[] = {
    [TAKER_IDLE] = SM_TO(TAKER_TAKING) | SM_TO(TAKER_RECLAIMING) | SM_TO(TAKER_PAUSED),
    [TAKER_TAKING] = SM_TO(TAKER_IDLE) | SM_TO(TAKER_LISTENING) | SM_TO(TAKER_PAUSED),
    [TAKER_LISTENING] = SM_TO(TAKER_IDLE),
    [TAKER_RECLAIMING] = SM_TO(TAKER_IDLE) | SM_TO(TAKER_PAUSED),
    [TAKER_PAUSED] = SM_TO(TAKER_IDLE),
};
static const struct sm taker_sm = {"taker", state_names, moves, TAKER_STATE_COUNT};

static struct group *group_of(struct taker *taker)
{
    return container_of(taker, struct group, taker);
}

static void move(struct taker *taker, enum taker_state state)
{
    sm_move(&taker_sm, &taker->state, state, group_of(taker)->ep);
}

static void pause_over(struct timer *timer)
{
    struct taker *taker = container_of(timer, struct taker, pause);
    move(taker, TAKER_IDLE);
    taker_next(taker);
}

static void pause_start(struct taker *taker)
{
    move(taker, TAKER_PAUSED);
    timer_start(group_of(taker)->agent->loop, &taker->pause, RETRY_MS, pause_over);
}

/* ---- polls ---- */

void take_request(struct slot *slot, struct http_request *request, const struct url *url)
{
    slot_polled(slot);
    lost_heard(slot, request);
    if (url_param_int(url, "job_in_progress", -1) == 0) {
        lost_unheld(slot);
    }
    if (slot->state == SLOT_STOPPING) {
        plane_answer_later(slot->group->agent->loop, request, 204, STOPPING_MS);
        return;
    }
    struct poll *poll = poll_new(slot, &slot->takes, request);
    int64_t wanted = url_param_int(url, "batch_size", 1);
    poll->is_batch = slice_is(url->operation, "job-take-batch");
    poll->wanted = wanted < 1 || !poll->is_batch ? 1
                   : wanted > BATCH_MAX          ? BATCH_MAX
                                                 : (size_t)wanted;
    if (slot_is_open(slot)) {
        taker_add(&slot->group->taker, poll);
    }
}

void taker_add(struct taker *taker, struct poll *poll)
{
    if (!list_is_linked(&poll->hungry)) {
        list_push(&taker->polls, &poll->hungry);
    }
    taker_next(taker);
}

void taker_forget(struct taker *taker, struct poll *poll)
{
    list_unlink(&poll->hungry);
    for (size_t i = 0; i < taker->order_count; i++) {
        if (taker->order[i] == poll) {
            taker->order[i] = NULL;
        }
    }
}

/* A take that waits for the store would go before the renewals at its return. */
static bool may_take(const struct agent *agent)
{
    return store_is_ready(agent->store) && loop_now_ms(agent->loop) >= agent->take_from_ms;
}

static void taker_next(struct taker *taker)
{
    if (taker->state != TAKER_IDLE) {
        return;
    }
    if (taker->needs_reclaim) {
        reclaim_start(taker);
    } else if (list_is_empty(&taker->polls)) {
        return;
    } else if (may_take(group_of(taker)->agent)) {
        take_start(taker);
    } else {
        pause_start(taker);
    }
}

/* ---- take ---- */

static size_t deal(struct taker *taker)
{
    struct share shares[TAKE_MAX];
    void *order[TAKE_MAX];
    size_t count = 0;
    list_each (at, &taker->polls) {
        struct poll *poll = container_of(at, struct poll, hungry);
        if (count < COUNT_OF(shares)) {
            shares[count++] = (struct share){.held = slot_job_count(poll->slot),
                                             .since = poll->since,
                                             .wanted = poll->wanted,
                                             .poll = poll};
        }
    }
    size_t dealt = share_deal(shares, count, order, COUNT_OF(order));
    for (size_t i = 0; i < dealt; i++) {
        taker->order[i] = order[i];
    }
    return dealt;
}

static void take_start(struct taker *taker)
{
    struct group *group = group_of(taker);
    struct slice workers[TAKE_MAX];
    taker->order_count = deal(taker);
    for (size_t i = 0; i < taker->order_count; i++) {
        workers[i] = slice_of(taker->order[i]->slot->worker);
    }
    move(taker, TAKER_TAKING);
    queue_take(group->agent->store, &taker->call, group_ep(group),
               slice_of(group->agent->config.id), workers, taker->order_count, take_stored);
}

static void put_job(struct poll *poll, const struct taken_job *job)
{
    struct buf *body = &poll->body;
    if (poll->is_batch) {
        buf_put_char(body, body->len == 0 ? '[' : ',');
    }
    buf_put_str(body, "{\"id\":");
    buf_put_json_str(body, job->id);
    buf_put_char(body, ',');
    buf_put_slice(body, job->members);
    buf_put_char(body, '}');
}

/* False when the job reached no poll. */
static bool hand_out(struct taker *taker, const struct reply *reply, size_t index)
{
    struct taken_job job;
    struct poll *poll = index < taker->order_count ? taker->order[index] : NULL;
    if (queue_take_job(reply, index, &job) != ERR_OK) {
        log_error("take.unreadable", "ep=%s", group_of(taker)->ep);
        return true; /* its lease lapses; going back it would come again */
    }
    if (poll == NULL || !slot_is_open(poll->slot)) {
        log_info("take.returned", "ep=%s job=%s reason=\"its poll had gone\"", group_of(taker)->ep,
                 log_quote(job.id));
        return false;
    }
    struct held *held = held_new(poll->slot, &job);
    if (poll->request != NULL) {
        held->connection = poll->request->connection;
    }
    held_announce_chunks(held, job.watchers, SLICE_NONE);
    if (poll->slot->server != NULL) {
        forward_start(held, job.members);
    } else {
        put_job(poll, &job);
    }
    log_debug("job.taken", "ep=%s job=%s worker=%s attempt=%lld", group_of(taker)->ep,
              log_quote(job.id), poll->slot->worker, (long long)job.attempt);
    return true;
}

static void answer_polls(struct taker *taker)
{
    for (size_t i = 0; i < taker->order_count; i++) {
        struct poll *poll = taker->order[i];
        if (poll != NULL && poll->slot->server != NULL) {
            server_feed(poll->slot->server);
        } else if (poll != NULL && poll->body.len > 0) {
            if (poll->is_batch) {
                buf_put_char(&poll->body, ']');
            }
            poll_answer(poll, 200, buf_slice(&poll->body)); /* forgotten in order[], too */
        }
    }
    taker->order_count = 0;
}

static void take_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct taker *taker = container_of(call, struct taker, call);
    int64_t waiting = 0;
    size_t count = 0;
    if (err == ERR_OK) {
        err = queue_take_result(reply, &waiting, &count);
    }
    if (err != ERR_OK) {
        log_warn("take.failed", "ep=%s err=%s", group_of(taker)->ep, err_name(err));
        taker->order_count = 0;
        taker->needs_reclaim = taker->needs_reclaim || err == ERR_STORE_LOST;
        pause_start(taker);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        taker->needs_reclaim = !hand_out(taker, reply, i) || taker->needs_reclaim;
    }
    answer_polls(taker);
    if (waiting == 0 && !taker->needs_reclaim && !list_is_empty(&taker->polls)) {
        listen_start(taker);
        return;
    }
    move(taker, TAKER_IDLE);
    taker_next(taker);
}

/* ---- listen ---- */

static void listen_start(struct taker *taker)
{
    struct group *group = group_of(taker);
    if (taker->bell == NULL) {
        struct store_config config = {.beside = group->agent->store, .wait_ms = 1000};
        taker->bell = store_new(group->agent->loop, &config);
    }
    AUTO_STR key = xasprintf("mr:{%s}:bell", group->ep);
    const struct slice args[] = {SLICE("BLPOP"), slice_of(key), SLICE(BELL_SECONDS)};
    move(taker, TAKER_LISTENING);
    store_command(taker->bell, &taker->bell_call, args, COUNT_OF(args), listen_heard);
}

static void passed_on(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)call;
    (void)err;
    (void)reply;
}

static void pass_on(struct taker *taker)
{
    struct group *group = group_of(taker);
    if (store_call_is_waiting(&taker->pass_call)) {
        return;
    }
    AUTO_STR key = xasprintf("mr:{%s}:bell", group->ep);
    const struct slice args[] = {SLICE("RPUSH"), slice_of(key), SLICE("1")};
    store_command(group->agent->store, &taker->pass_call, args, COUNT_OF(args), passed_on);
}

static void listen_heard(struct store_call *call, enum err err, const struct reply *reply)
{
    struct taker *taker = container_of(call, struct taker, bell_call);
    if (err == ERR_OK && !reply_is_nil(reply) && list_is_empty(&taker->polls)) {
        pass_on(taker);
    }
    move(taker, TAKER_IDLE);
    taker_next(taker);
}

/* ---- reclaim ---- */

void taker_reclaim(struct taker *taker)
{
    taker->needs_reclaim = true;
    taker_next(taker);
}

static void add_spooled(struct slice job, int64_t attempt, void *arg)
{
    (void)attempt;
    buf_put(arg, &job, sizeof(job));
}

/* Ids of all that is here: with a handler, on its way to the store, in the spool. As slices. */
static void put_held(const struct group *group, struct buf *out)
{
    list_each (at, &group->jobs) {
        struct slice id = slice_of(container_of(at, struct held, group_link)->id);
        buf_put(out, &id, sizeof(id));
    }
    if (group->agent->spool != NULL) {
        spool_each(group->agent->spool, group_ep(group), add_spooled, out);
    }
}

static void reclaim_start(struct taker *taker)
{
    struct group *group = group_of(taker);
    AUTO(buf_done) struct buf ids = BUF_INIT;
    put_held(group, &ids);
    taker->needs_reclaim = false;
    move(taker, TAKER_RECLAIMING);
    queue_reclaim(group->agent->store, &taker->call, group_ep(group),
                  slice_of(group->agent->config.id), group_retries(group), RECLAIM_RECONNECTED,
                  (const struct slice *)(const void *)ids.ptr, ids.len / sizeof(struct slice),
                  reclaim_stored);
}

static void reclaim_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct taker *taker = container_of(call, struct taker, call);
    struct group *group = group_of(taker);
    if (err != ERR_OK) {
        taker->needs_reclaim = true;
        pause_start(taker);
        return;
    }
    for (size_t i = 0; i < queue_change_count(reply, 0); i++) {
        struct job_change change;
        if (queue_change_at(reply, 0, i, &change) == ERR_OK) {
            log_info("job.returned", "ep=%s job=%s", group->ep, log_quote(change.id));
            struct bus_frame frame = {BUS_LOOK, group_ep(group), change.id, change.token,
                                      SLICE_NONE};
            bus_publish(group->agent->bus, change.watchers, &frame);
        }
    }
    move(taker, TAKER_IDLE);
    taker_next(taker);
}

/* ---- life ---- */

void taker_init(struct taker *taker)
{
    list_init(&taker->polls);
}

void taker_done(struct taker *taker)
{
    store_detach(&taker->call);
    store_detach(&taker->bell_call);
    store_detach(&taker->pass_call);
    timer_stop(&taker->pause);
    store_close(taker->bell);
    taker->bell = NULL;
}

bool taker_is_idle(const struct taker *taker)
{
    return taker->state == TAKER_IDLE && !taker->needs_reclaim;
}
