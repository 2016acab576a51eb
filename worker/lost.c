/* A lost job goes back to the head of its queue, or fails with what is known about the loss: how
 * the process ended and what it said last. The store decides which (retries of the endpoint). */
#include "lost.h"

#include "base/log.h"
#include "ending.h"
#include "held.h"
#include "slot.h"
#include "stop.h"
#include "verdict.h"

#define TAIL_LINES 20
#define TAIL_BYTES 4096

static void lose(struct held *held, struct slice text)
{
    AUTO(buf_done) struct buf members = BUF_INIT;
    verdict_put_error(&members, text);
    ending_start(held, ENDING_LOST, &members);
}

static void describe(const struct process_end *end, struct buf *text)
{
    buf_put_str(text, "worker lost: its process ended with ");
    process_end_text(end, text);
    AUTO(buf_done) struct buf tail = BUF_INIT;
    ring_tail(end->output, TAIL_LINES, TAIL_BYTES, &tail);
    if (tail.len > 0) {
        buf_put_str(text, "; its last output:\n");
        buf_put_slice(text, buf_slice(&tail));
    }
}

void lost_process(struct slot *slot, const struct process_end *end)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    describe(end, &text);
    while (!list_is_empty(&slot->jobs)) {
        struct held *held = container_of(slot->jobs.next, struct held, slot_link);
        if (held->state == HELD_STOPPED) {
            held_free(held);
        } else {
            lose(held, buf_slice(&text));
        }
    }
}

void lost_unheld(struct slot *slot)
{
    static const struct slice text =
        SLICE("worker lost: it asked for the next job without a result for this one");
    uint64_t now = loop_now_ms(slot->group->agent->loop);
    stop_release(slot);
    list_each_safe (at, &slot->jobs) {
        struct held *held = container_of(at, struct held, slot_link);
        if (held->state == HELD_RUNNING && now - held->since_ms > LOST_GRACE_MS) {
            log_warn("worker.forgot", "worker=%s job=%s", slot->worker, held->id);
            lose(held, text);
        }
    }
}
