/* One call, not repeated: what it records is for people to read. The job is forgotten here before
 * the answer comes. */
#include "freed.h"

#include "base/log.h"
#include "group.h"
#include "held.h"

struct freed {
    struct store_call call;
    char *job; /* owned */
};

static void freed_told(struct store_call *call, enum err err, const struct reply *reply)
{
    struct freed *freed = container_of(call, struct freed, call);
    int64_t ms = err == ERR_OK ? reply_int(reply, -1) : -1;
    if (ms >= 0) {
        log_info("job.freed", "job=%s after_ms=%lld", freed->job, (long long)ms);
    }
    free(freed->job);
    free(freed);
}

void freed_tell(const struct held *held)
{
    struct freed *freed = xcalloc(1, sizeof(*freed));
    freed->job = xstrdup(held->id);
    const struct held_job job = held_name(held);
    meter_time(held->group, METER_FREE, loop_now_ms(held->group->agent->loop) - held->stopped_ms);
    queue_freed(held->group->agent->store, &freed->call, group_ep(held->group), &job, freed_told);
}
