/* The store answers how many starts of this document have died in a row, over all agents. From
 * CRASH_LOOP on the slot does not start again by itself: the scheduler takes the wish back and
 * gives it again when the next try is due. Without an answer the slot goes on with its own pauses.
 */
#include "crash.h"

#include "group.h"
#include "slot.h"

#define CRASH_LOOP 3
#define TAIL_LINES 3
#define TAIL_BYTES 240

static void crash_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct slot *slot = container_of(call, struct slot, crash_call);
    if (err == ERR_OK && reply_int(reply, 0) >= CRASH_LOOP) {
        slot_hold_off(slot);
    }
}

void crash_report(struct slot *slot, struct slice why)
{
    struct agent *agent = slot->group->agent;
    meter_count(slot->group, METER_CRASHES);
    store_detach(&slot->crash_call); /* an earlier one is on its way all the same */
    queue_crashed(agent->store, &slot->crash_call, group_ep(slot->group),
                  &(struct crash_args){slice_of(agent->config.id), slot->version, why},
                  crash_stored);
}

void crash_report_end(struct slot *slot, const struct process_end *end)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    process_end_text(end, &text);
    size_t len = text.len;
    (void)buf_put_str(&text, ": ");
    ring_tail(end->output, TAIL_LINES, TAIL_BYTES, &text);
    text.len = text.len > len + 2 ? text.len : len; /* it said nothing */
    crash_report(slot, buf_slice(&text));
}
