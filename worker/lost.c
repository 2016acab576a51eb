/* A lost job goes back to the head of its queue, or fails with what is known about the loss: how
 * the process ended and what it said last. The store decides which (retries of the endpoint). */
#include "lost.h"

#include "autopsy.h"
#include "base/log.h"
#include "ending.h"
#include "held.h"
#include "net/http.h"
#include "slot.h"
#include "stop.h"
#include "verdict.h"

#define TAIL_LINES 20
#define TAIL_BYTES 4096

static enum meter_count cause_of(const struct autopsy *autopsy)
{
    static const enum meter_count causes[] = {
        [AUTOPSY_DIED] = METER_LOST_DIED,
        [AUTOPSY_ENDED] = METER_LOST_STOPPED,
        [AUTOPSY_NO_RESULT] = METER_LOST_NO_RESULT,
        [AUTOPSY_DROPPED] = METER_LOST_DROPPED,
    };
    return autopsy->oom == 1 ? METER_LOST_OOM : causes[autopsy->kind];
}

static void put_members(struct autopsy *autopsy, const struct held *held, struct buf *members)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    autopsy->worker = held->worker;
    autopsy->attempt = held->attempt;
    meter_count(held->group, cause_of(autopsy));
    autopsy_put(autopsy, &text);
    verdict_put_error(members, buf_slice(&text));
}

void lost_process(struct slot *slot, const struct process_end *end)
{
    AUTO(buf_done) struct buf tail = BUF_INIT;
    ring_tail(end->output, TAIL_LINES, TAIL_BYTES, &tail);
    struct autopsy autopsy = {
        .kind = slot->fate == FATE_STAY ? AUTOPSY_DIED : AUTOPSY_ENDED,
        .exit_code = end->exit_code,
        .signal = end->signal,
        .oom = end->oom,
        .how = end->how,
        .tail = buf_slice(&tail),
    };
    while (!list_is_empty(&slot->jobs)) {
        struct held *held = container_of(slot->jobs.next, struct held, slot_link);
        if (held->state == HELD_STOPPED) {
            held_free(held);
            continue;
        }
        AUTO(buf_done) struct buf members = BUF_INIT;
        put_members(&autopsy, held, &members);
        ending_start(held, ENDING_LOST, &members);
    }
}

/* ---- a process that lives on ---- */

/* The process lives and asks for more: the handler has run, but its result was nothing that the SDK
 * could send (a set, bytes, a lone surrogate), so it never came. Another try would end the same. */
static void fail_without_result(struct held *held)
{
    AUTO(buf_done) struct buf members = BUF_INIT;
    AUTO(buf_done) struct buf tail = BUF_INIT;
    log_warn("job.no_result", "ep=%s job=%s worker=%s", held->group->ep, held->id, held->worker);
    ring_tail(process_output(held->slot->process), TAIL_LINES, TAIL_BYTES, &tail);
    struct autopsy autopsy = {
        .kind = AUTOPSY_NO_RESULT, .exit_code = -1, .oom = -1, .tail = buf_slice(&tail)};
    put_members(&autopsy, held, &members);
    held->slot->has_worked = true;
    ending_start(held, ENDING_FAILED, &members);
}

/* The process lives but has never shown that it knows of the job: the answer to its poll did not
 * arrive, or was dropped. */
static void give_back(struct held *held)
{
    AUTO(buf_done) struct buf members = BUF_INIT;
    struct autopsy autopsy = {.kind = AUTOPSY_DROPPED, .exit_code = -1, .oom = -1};
    log_warn("job.dropped", "ep=%s job=%s worker=%s", held->group->ep, held->id, held->worker);
    put_members(&autopsy, held, &members);
    lost_forget(held->slot);
    held->slot->dropped = xstrdup(held->id);
    ending_start(held, ENDING_LOST, &members);
}

void lost_forget(struct slot *slot)
{
    free(steal(slot->dropped));
}

static bool is_dropped_again(const struct held *held)
{
    const char *before = held->slot->dropped;
    return !held->was_received && before != NULL && slice_is(slice_of(held->id), before);
}

static void end_without_result(struct held *held)
{
    if (held->was_received || is_dropped_again(held)) {
        fail_without_result(held);
    } else {
        give_back(held);
    }
}

static uint64_t age_of(const struct held *held)
{
    return loop_now_ms(held->group->agent->loop) - held->since_ms;
}

static uint64_t grace_of(const struct held *held)
{
    return is_dropped_again(held) ? LOST_AGAIN_MS : LOST_GRACE_MS;
}

/* The polls end, the next ones say again whether anything is in work. One that is inside a handler
 * does not ask, and so cannot be mistaken. */
static void doubt_due(struct timer *timer)
{
    poll_answer_all(&container_of(timer, struct slot, doubt_timer)->takes);
}

static void doubt(struct slot *slot, uint64_t delay_ms)
{
    if (!timer_is_running(&slot->doubt_timer)) {
        timer_start(slot->group->agent->loop, &slot->doubt_timer, delay_ms, doubt_due);
    }
}

void lost_heard(struct slot *slot, const struct http_request *request)
{
    list_each (at, &slot->jobs) {
        struct held *held = container_of(at, struct held, slot_link);
        held->was_received |= held->connection == request->connection;
    }
}

void lost_unheld(struct slot *slot)
{
    stop_release(slot);
    list_each_safe (at, &slot->jobs) {
        struct held *held = container_of(at, struct held, slot_link);
        if (held->state == HELD_RUNNING && age_of(held) > grace_of(held)) {
            end_without_result(held);
        } else if (held->state == HELD_RUNNING) {
            doubt(slot, grace_of(held) + 1 - age_of(held));
        }
    }
}

void lost_unlisted(struct held *held)
{
    if (held->state == HELD_RUNNING && age_of(held) > LOST_GRACE_MS) {
        end_without_result(held);
    }
}
