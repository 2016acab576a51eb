/*   last chunk stored -> finish | lost -> announce -> tell the post -> forget the job
 *
 * A result that Redis does not take within SPOOL_MS (at once when it is away) goes to the spool
 * with the chunks before it: then it is safe, the handler gets its answer and the job is the
 * spool's. Without a spool, or when that is full, it stays here in memory until Redis has it; a
 * loss always does, another start of the agent would find it anyway. A store that has lost
 * what it said about the job is told by the next renewal, and the result follows. A reply that
 * makes no sense is tried again a few times; then the job is left to its lease, loudly.
 *
 * A call of the store and a parcel of the spool have a copy of the result. So large results go to
 * the store one after the other, and to the disk as well; small ones pass them. One that waits
 * while Redis takes those before it stays where it is. */
#include "ending.h"

#include "base/log.h"
#include "group.h"
#include "held.h"
#include "lease.h"
#include "slot.h"
#include "spool.h"

#define RETRY_MS 500
#define BAD_REPLIES_MAX 5
#define SPOOL_MS 2000

struct ending {
    struct held *held;
    enum ending_kind kind;
    struct buf members;
    struct store_call call;
    struct timer retry, patience;
    struct turn store_turn, spool_turn; /* of a large one */
    struct spool_put *put;              /* while it is being written to the spool */
    ending_fn fn;
    void *arg;
    unsigned bad_replies;
    bool is_told; /* the outage was logged */
};

static void ending_store(struct ending *ending);
static void ending_store_turn(struct turn *turn);
static void ending_send(struct ending *ending);
static void ending_finished(struct store_call *call, enum err err, const struct reply *reply);
static void ending_lost(struct store_call *call, enum err err, const struct reply *reply);
static void ending_again(struct ending *ending, enum err err);
static void retry_due(struct timer *timer);
static void patience_over(struct timer *timer);
static void ending_spool_turn(struct turn *turn);
static void ending_spool(struct ending *ending);
static void ending_spooled(enum err err, void *arg);
static void ending_end(struct ending *ending);

static bool is_large(const struct ending *ending)
{
    return ending->kind != ENDING_LOST && ending->members.len >= TURN_BYTES;
}

static void may_spool(struct ending *ending)
{
    const struct agent *agent = ending->held->group->agent;
    if (agent->spool != NULL && ending->kind != ENDING_LOST) {
        timer_start(agent->loop, &ending->patience, store_is_ready(agent->store) ? SPOOL_MS : 0,
                    patience_over);
    }
}

void ending_start(struct held *held, enum ending_kind kind, struct buf *members)
{
    ensure(held->ending == NULL);
    struct ending *ending = xcalloc(1, sizeof(*ending));
    ending->held = held;
    ending->kind = kind;
    ending->members = *members;
    *members = BUF_INIT;
    turn_init(&ending->store_turn);
    turn_init(&ending->spool_turn);
    held->ending = ending;
    held->group->agent->buffered_bytes += ending->members.len;
    bool is_counted = held->state == HELD_RUNNING && kind != ENDING_LOST;
    struct slot *slot = held->slot;
    held_move(held, HELD_ENDING);
    held->ended_ms = loop_now_ms(held->group->agent->loop);
    held_leave(held);
    if (slot != NULL && is_counted) {
        slot_note_result(slot, kind);
    }
    may_spool(ending);
    if (stream_is_empty(&held->stream)) {
        ending_store(ending);
    } else {
        stream_flush(&held->stream);
    }
}

void ending_on_stored(struct held *held, ending_fn fn, void *arg)
{
    held->ending->fn = fn;
    held->ending->arg = arg;
}

void ending_detach(struct held *held)
{
    held->ending->fn = NULL;
}

void ending_flushed(struct held *held)
{
    if (held->ending != NULL && !store_call_is_waiting(&held->ending->call)) {
        ending_store(held->ending);
    }
}

static struct finish_args finish_args(const struct ending *ending)
{
    return (struct finish_args){
        .job = held_name(ending->held),
        .is_failed = ending->kind == ENDING_FAILED,
        .members = buf_slice(&ending->members),
        .waits_for_replica = group_waits_for_replica(ending->held->group),
    };
}

static void ending_store(struct ending *ending)
{
    if (is_large(ending)) {
        turn_join(&ending->held->group->agent->to_store, &ending->store_turn, ending_store_turn);
    } else {
        ending_send(ending);
    }
}

static void ending_store_turn(struct turn *turn)
{
    ending_send(container_of(turn, struct ending, store_turn));
}

static void ending_send(struct ending *ending)
{
    struct held *held = ending->held;
    struct store *store = held->group->agent->store;
    if (ending->kind == ENDING_LOST) {
        const struct held_job job = held_name(held);
        queue_lost(store, &ending->call, group_ep(held->group), group_retries(held->group), &job,
                   buf_slice(&ending->members), ending_lost);
    } else {
        struct finish_args args = finish_args(ending);
        queue_finish(store, &ending->call, group_ep(held->group), &args, ending_finished);
    }
}

static void announce_final(const struct ending *ending, struct finish_result *result)
{
    AUTO(buf_done) struct buf object = BUF_INIT;
    result->job.members = buf_slice(&ending->members);
    if (result->watchers.len > 0 && ending->members.len < BUS_FRAME_MAX) {
        job_put_object(&object, &result->job);
    }
    held_announce(ending->held, result->watchers, buf_slice(&object));
}

static void ending_finished(struct store_call *call, enum err err, const struct reply *reply)
{
    struct ending *ending = container_of(call, struct ending, call);
    struct agent *agent = ending->held->group->agent;
    struct finish_args args = finish_args(ending);
    struct finish_result result;
    turn_leave(&ending->store_turn);
    if (err == ERR_OK) {
        agent->large_stored_ms =
            is_large(ending) ? loop_now_ms(agent->loop) : agent->large_stored_ms;
        err = queue_finish_result(reply, &args, &result);
    }
    if (err != ERR_OK) {
        ending_again(ending, err);
        return;
    }
    if (result.knows_less && !ending->held->is_refused) {
        lease_renew(ending->held->group); /* has it adopted */
        timer_start(agent->loop, &ending->retry, RETRY_MS, retry_due);
        return;
    }
    if (result.is_applied) {
        struct group *group = ending->held->group;
        meter_count(group, ending->kind == ENDING_FAILED ? METER_FAILED : METER_COMPLETED);
        meter_time(group, METER_DELAY, (uint64_t)result.job.delay_ms);
        meter_time(group, METER_EXECUTION, (uint64_t)result.job.execution_ms);
        announce_final(ending, &result);
    }
    log_debug("job.finished", "ep=%s job=%s attempt=%lld failed=%d applied=%d",
              ending->held->group->ep, ending->held->id, (long long)ending->held->attempt,
              ending->kind == ENDING_FAILED, result.is_applied);
    ending_end(ending);
}

static void ending_lost(struct store_call *call, enum err err, const struct reply *reply)
{
    struct ending *ending = container_of(call, struct ending, call);
    struct held *held = ending->held;
    struct job_change change;
    if (err == ERR_OK) {
        err = queue_lost_result(reply, slice_of(held->id), &change);
    }
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        ending_again(ending, err);
        return;
    }
    if (err == ERR_OK) {
        log_warn("job.lost", "ep=%s job=%s attempt=%lld now=%s", held->group->ep, held->id,
                 (long long)held->attempt, job_state_name(change.state));
        held_announce(held, change.watchers, SLICE_NONE);
    }
    ending_end(ending);
}

static void retry_due(struct timer *timer)
{
    ending_store(container_of(timer, struct ending, retry));
}

static void ending_again(struct ending *ending, enum err err)
{
    const struct held *held = ending->held;
    if (!err_is_retryable(err) && ++ending->bad_replies >= BAD_REPLIES_MAX) {
        log_error("job.unstored", "ep=%s job=%s err=%s detail=%s", held->group->ep, held->id,
                  err_name(err), log_quote(slice_of(store_problem(held->group->agent->store))));
        ending_end(ending);
        return;
    }
    if (!ending->is_told) {
        ending->is_told = true;
        log_warn("job.result_waits", "ep=%s job=%s err=%s buffered=%zu", held->group->ep, held->id,
                 err_name(err), held->group->agent->buffered_bytes);
    }
    timer_start(held->group->agent->loop, &ending->retry, RETRY_MS, retry_due);
}

/* How long it has been since the store took a large result, for one that waits for those to be
 * taken; for ever while the store is away. */
static uint64_t idle_ms(const struct agent *agent)
{
    return store_is_ready(agent->store) ? loop_now_ms(agent->loop) - agent->large_stored_ms
                                        : UINT64_MAX;
}

static void patience_over(struct timer *timer)
{
    struct ending *ending = container_of(timer, struct ending, patience);
    struct agent *agent = ending->held->group->agent;
    if (!is_large(ending)) {
        ending_spool(ending);
    } else if (idle_ms(agent) < SPOOL_MS) {
        timer_start(agent->loop, timer, SPOOL_MS - idle_ms(agent), patience_over);
    } else {
        turn_join(&agent->to_spool, &ending->spool_turn, ending_spool_turn);
    }
}

static void ending_spool_turn(struct turn *turn)
{
    ending_spool(container_of(turn, struct ending, spool_turn));
}

static void ending_spool(struct ending *ending)
{
    const struct held *held = ending->held;
    AUTO(buf_done) struct buf chunks = BUF_INIT;
    struct parcel parcel = {
        .ep = group_ep(held->group),
        .job = slice_of(held->id),
        .worker = slice_of(held->worker),
        .attempt = held->attempt,
        .duration_ms = (int64_t)(held->ended_ms - held->since_ms),
        .retention_ms = group_retention_ms(held->group),
        .is_failed = ending->kind == ENDING_FAILED,
        .members = buf_slice(&ending->members),
    };
    parcel.first = stream_put_rest(&held->stream, &chunks, &parcel.chunk_count);
    parcel.chunks = buf_slice(&chunks);
    if (buf_is_over(&chunks)) { /* more than a parcel may hold: it waits for Redis */
        ending_spooled(ERR_TOO_LARGE, ending);
        return;
    }
    ending->put = spool_put(held->group->agent->spool, &parcel, ending_spooled, ending);
}

static void ending_spooled(enum err err, void *arg)
{
    struct ending *ending = arg;
    ending->put = NULL;
    turn_leave(&ending->spool_turn);
    if (err == ERR_OK) {
        log_info("job.spooled", "ep=%s job=%s attempt=%lld bytes=%zu", ending->held->group->ep,
                 ending->held->id, (long long)ending->held->attempt, ending->members.len);
        ending_end(ending);
    }
}

static void ending_end(struct ending *ending)
{
    if (ending->fn != NULL) {
        ending->fn(ending->arg);
    }
    held_free(ending->held);
}

void ending_free(struct held *held)
{
    struct ending *ending = held->ending;
    if (ending == NULL) {
        return;
    }
    held->ending = NULL;
    held->group->agent->buffered_bytes -= ending->members.len;
    store_withdraw(&ending->call);
    turn_leave(&ending->store_turn);
    turn_leave(&ending->spool_turn);
    timer_stop(&ending->retry);
    timer_stop(&ending->patience);
    if (ending->put != NULL) {
        spool_put_drop(ending->put);
    }
    buf_done(&ending->members);
    free(ending);
}
