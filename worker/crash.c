/* The store answers how many starts of this release have died in a row, over all agents. From
 * CRASH_LOOP on the slot does not start again by itself: the scheduler takes the wish back and
 * gives it again when the next try is due. Without an answer the slot goes on with its own pauses.
 * A kill that came from outside is told as such: it is no reason to doubt a handler that has worked
 * before, and the slot's own pauses start over. */
#include "crash.h"

#include <signal.h>

#include "group.h"
#include "slot.h"

#define CRASH_LOOP 3
#define TAIL_LINES 3
#define TAIL_BYTES 240

static void crash_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct slot *slot = container_of(call, struct slot, crash_call);
    int64_t deaths = err == ERR_OK ? reply_int(reply, -1) : -1;
    if (deaths == 0) {
        slot->crashes = 0;
    } else if (deaths >= CRASH_LOOP) {
        slot_hold_off(slot);
    }
}

static void report(struct slot *slot, struct slice why, bool is_from_outside)
{
    struct agent *agent = slot->group->agent;
    meter_count(slot->group, METER_CRASHES);
    store_detach(&slot->crash_call); /* an earlier one is on its way all the same */
    queue_crashed(
        agent->store, &slot->crash_call, group_ep(slot->group),
        &(struct crash_args){slice_of(agent->config.id), slot->release, why, is_from_outside},
        crash_stored);
}

void crash_report(struct slot *slot, struct slice why)
{
    report(slot, why, false);
}

/* Its own faults end a process by an exit code or by another signal, the agent only when it asked
 * for no job in time. */
static bool is_from_outside(const struct slot *slot, const struct process_end *end)
{
    bool is_kill = end->signal == SIGKILL || end->signal == SIGTERM || end->signal == SIGINT ||
                   end->signal == SIGHUP;
    return is_kill && end->oom != 1 && !slot->is_overdue;
}

void crash_report_end(struct slot *slot, const struct process_end *end)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    if (end->how != NULL) { /* Kubernetes knows more, and tells the scheduler */
        report(slot, SLICE_NONE, false);
        return;
    }
    process_end_text(end, &text);
    size_t len = text.len;
    (void)buf_put_str(&text, ": ");
    ring_tail(end->output, TAIL_LINES, TAIL_BYTES, &text);
    text.len = text.len > len + 2 ? text.len : len; /* it said nothing */
    report(slot, buf_slice(&text), is_from_outside(slot, end));
}

static void proof_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)call;
    (void)err; /* the next process that works says it again */
    (void)reply;
}

void crash_disprove(struct slot *slot)
{
    store_detach(&slot->proof_call);
    queue_proven(slot->group->agent->store, &slot->proof_call, group_ep(slot->group), slot->release,
                 proof_stored);
}
