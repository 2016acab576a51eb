/* join -> (frame | check | time over | drain) -> read -> answer or stay
 *
 * The bus brings the final object itself when it can; everything else leads to a read, which also
 * registers this node as a watcher, so a change between two reads is announced. */
#include "ops/await.h"

static void await_told(struct waiter *waiter, struct slice final);
static void await_over(struct timer *timer);
static void await_read(struct store_call *call, enum err err, const struct reply *reply);

void await_begin(struct op *op)
{
    uint64_t wait_ms = op_wait_ms(op, AWAIT_MS_DEFAULT, AWAIT_MS_MAX);
    op->waiter.is_for_end = true;
    timer_start(op->node->loop, &op->timer, wait_ms, await_over);
    watch_join(op->node->watch, &op->waiter, op_id(op), await_told);
    http_forget(op->request);
}

void await_move(struct op *op)
{
    watch_leave(&op->waiter);
    watch_token(&op->waiter, SLICE_NONE);
    watch_join(op->node->watch, &op->waiter, op_id(op), await_told);
}

static void await_told(struct waiter *waiter, struct slice final)
{
    struct op *op = container_of(waiter, struct op, waiter);
    if (final.len > 0) {
        op_reply_json(op, 200, final);
    } else if (!store_call_is_waiting(&op->call)) {
        await_look(op, RATE_NONE);
    }
}

static void await_over(struct timer *timer)
{
    struct op *op = container_of(timer, struct op, timer);
    op->has_waited = true;
    if (!store_call_is_waiting(&op->call)) {
        await_look(op, RATE_NONE);
    }
}

void await_look(struct op *op, const struct rate *rate)
{
    queue_read(op->node->store, &op->call, op_ep(op), op_id(op), slice_of(op->node->bus_address),
               rate, await_read);
}

static void await_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    struct job_view job;
    if (!op_read_job(op, err, reply, &job)) {
        return;
    }
    if (job_state_is_final(job.state) || op->has_waited || op->node->is_draining) {
        op_reply_job(op, &job);
    } else {
        watch_token(&op->waiter, job.token);
    }
}
