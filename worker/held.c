/* Lists and words of a held job; what happens to it is told in ending.c, stop.c and lost.c. */
#include "held.h"

#include "base/sm.h"
#include "ending.h"
#include "forward.h"
#include "freed.h"
#include "slot.h"

static const char *const state_names[] = {"running", "stopped", "ending"};
static const uint32_t moves[] = {
    [HELD_RUNNING] = SM_TO(HELD_STOPPED) | SM_TO(HELD_ENDING),
    [HELD_STOPPED] = SM_TO(HELD_ENDING),
    [HELD_ENDING] = 0,
};
static const struct sm held_sm = {"held", state_names, moves, COUNT_OF(moves)};

struct held *held_find(struct slot *slot, struct slice id)
{
    list_each (at, &slot->jobs) {
        struct held *held = container_of(at, struct held, slot_link);
        if (slice_is(id, held->id)) {
            return held;
        }
    }
    return NULL;
}

struct held *held_new(struct slot *slot, const struct taken_job *job)
{
    struct held *before = held_find(slot, job->id);
    if (before != NULL) { /* an older attempt that was stopped here: this one replaces it */
        held_free(before);
    }
    struct held *held = xcalloc(1, sizeof(*held));
    held->group = slot->group;
    held->slot = slot;
    held->id = slice_dup(job->id);
    held->token = slice_dup(job->token);
    held->worker = slice_dup(job->worker);
    held->attempt = job->attempt;
    held->execution_ms = job->execution_ms;
    held->since_ms = loop_now_ms(slot->group->agent->loop);
    stream_init(&held->stream, held);
    list_push(&slot->group->jobs, &held->group_link);
    if (slot_job_count(slot) == 0) {
        slot->since_ms = held->since_ms; /* busy since now */
    }
    list_push(&slot->jobs, &held->slot_link);
    slot_taken(slot);
    lease_start(slot->group);
    report_change(slot->group);
    meter_count(slot->group, METER_ATTEMPTS);
    return held;
}

struct held_job held_name(const struct held *held)
{
    return (struct held_job){slice_of(held->id), held->attempt, slice_of(held->worker)};
}

void held_move(struct held *held, enum held_state state)
{
    sm_move(&held_sm, &held->state, state, held->id);
}

void held_leave(struct held *held)
{
    struct slot *slot = held->slot;
    if (slot == NULL) {
        return;
    }
    forward_free(held);
    if (held->stopped_ms > 0) {
        freed_tell(held);
    }
    list_unlink(&held->slot_link);
    held->slot = NULL;
    if (slot_job_count(slot) == 0) {
        slot->since_ms = loop_now_ms(slot->group->agent->loop); /* idle since now */
    }
    report_change(slot->group);
    slot_check(slot);
}

void held_free(struct held *held)
{
    struct agent *agent = held->group->agent;
    held_leave(held);
    list_unlink(&held->group_link);
    stream_done(&held->stream);
    progress_done(&held->progress);
    ending_free(held);
    free(held->id);
    free(held->token);
    free(held->worker);
    free(held);
    agent_check_stopped(agent);
}

static void publish(const struct held *held, enum bus_kind kind, struct slice watchers,
                    struct slice payload)
{
    const struct bus_frame frame = {kind, group_ep(held->group), slice_of(held->id),
                                    slice_of(held->token), payload};
    if (watchers.len > 0) {
        bus_publish(held->group->agent->bus, watchers, &frame);
    }
}

static bool is_frame(struct slice payload)
{
    return payload.len > 0 && payload.len < BUS_FRAME_MAX - 1024;
}

void held_announce(const struct held *held, struct slice watchers, struct slice payload)
{
    bool is_whole = is_frame(payload);
    publish(held, is_whole ? BUS_FINAL : BUS_LOOK, watchers, is_whole ? payload : SLICE_NONE);
}

void held_announce_chunks(const struct held *held, struct slice watchers, struct slice payload)
{
    publish(held, BUS_CHUNKS, watchers, is_frame(payload) ? payload : SLICE_NONE);
}
