/* One call on its way, the newest of what came meanwhile behind it. A progress that is lost in an
 * outage is not repeated: the next one or the result replaces it. */
#include "progress.h"

#include "group.h"
#include "held.h"

static void progress_stored(struct store_call *call, enum err err, const struct reply *reply);

static void progress_store(struct held *held, struct slice members)
{
    const struct held_job job = held_name(held);
    queue_progress(held->group->agent->store, &held->progress.call, group_ep(held->group), &job,
                   members, progress_stored);
}

void progress_put(struct held *held, struct slice members)
{
    if (!store_call_is_waiting(&held->progress.call)) {
        progress_store(held, members);
        return;
    }
    buf_clear(&held->progress.next);
    buf_put_slice(&held->progress.next, members);
}

static void progress_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct held *held = container_of(call, struct held, progress.call);
    if (err == ERR_OK && !reply_is_nil(reply)) {
        held_announce_chunks(held, reply_slice(reply), SLICE_NONE);
    }
    if (held->progress.next.len > 0 && held->state == HELD_RUNNING) {
        progress_store(held, buf_slice(&held->progress.next));
        buf_clear(&held->progress.next);
    }
}

void progress_done(struct progress *progress)
{
    store_detach(&progress->call);
    buf_done(&progress->next);
}
