/* Writes that repair themselves: each compares what Redis holds, as read in this round, with what
 * should be there. A write that fails or is undone is found again in the next round.
 *
 *   mr:{ep}:stats    ready (submit.lua wakes the scheduler while it is 0), throttled, the reason
 *                    why jobs wait, the cold start for the next leader; deaths are forgotten once
 *                    a start has succeeded
 *   mr:{ep}:workers  entries of agents that are gone; an agent that comes back reports anew
 *   mr:{sys}:*       agents that have been gone for long (pods have new names each time) */
#include "record.h"

#include <inttypes.h>

/* Measured anew with each worker: only what differs by a tenth is worth a write. */
static bool is_new_start(const struct roster_endpoint *endpoint, int64_t start_ms)
{
    int64_t change = start_ms - endpoint->counts.start_ms;
    return 10 * (change < 0 ? -change : change) > endpoint->counts.start_ms;
}

static void record_stats(struct gather *gather, const struct roster_endpoint *endpoint)
{
    const struct roster_counts *stored = &endpoint->counts;
    const char *id = endpoint->item.id;
    int64_t start_ms = (int64_t)(endpoint->load.start_s * 1000);
    if (endpoint->ready != stored->ready || endpoint->throttled != stored->throttled ||
        (int)endpoint->reason != stored->reason) {
        gather_read(gather, NULL, NULL,
                    "HSET mr:{%s}:stats ready %" PRId64 " throttled %" PRId64 " reason %s", id,
                    endpoint->ready, endpoint->throttled, reason_name(endpoint->reason));
    }
    if (is_new_start(endpoint, start_ms)) {
        gather_read(gather, NULL, NULL, "HSET mr:{%s}:stats startMs %" PRId64, id, start_ms);
    }
    if (stored->deaths > 0 && endpoint->youngest_ms > stored->death_ms) {
        gather_read(gather, NULL, NULL, "HSET mr:{%s}:stats deaths 0", id);
    }
}

/* The last words of a container are known to Kubernetes, not to the agent beside it. */
static void record_crash(struct gather *gather, const struct roster *roster,
                         struct roster_endpoint *endpoint)
{
    if (endpoint->trouble != POD_CRASHING ||
        (endpoint->said_told != NULL &&
         strcmp(endpoint->said_told, endpoint->troubled->said) == 0)) {
        return;
    }
    free(endpoint->said_told);
    endpoint->said_told = xstrdup(endpoint->troubled->said);
    AUTO_STR key = xasprintf("mr:{%s}:crash", endpoint->item.id);
    AUTO_STR now = xasprintf("%" PRId64, roster->now_ms);
    const struct slice set[] = {SLICE("HSET"),  slice_of(key),
                                SLICE("said"),  slice_of(endpoint->said_told),
                                SLICE("agent"), slice_of(endpoint->troubled->item.id),
                                SLICE("at"),    slice_of(now)};
    store_command(gather->store, gather_add(gather, NULL, NULL), set, COUNT_OF(set),
                  gather_arrived);
    gather_read(gather, NULL, NULL, "PEXPIRE %s 86400000", key);
}

static void remove_lost_workers(struct gather *gather, const struct roster *roster,
                                const struct roster_endpoint *endpoint)
{
    uint64_t connected_for_ms = loop_now_ms(roster->loop) - roster->connected_ms;
    for (size_t i = 0; i < endpoint->worker_count; i++) {
        const struct roster_worker *worker = &endpoint->workers[i];
        const struct roster_agent *agent = roster_find_agent(roster, slice_of(worker->agent));
        bool is_lost = agent != NULL ? agent->is_gone : connected_for_ms > AGENT_FORGET_MS;
        if (is_lost) {
            gather_read(gather, NULL, NULL, "HDEL mr:{%s}:workers %s", endpoint->item.id,
                        worker->id);
        }
    }
}

static void forget_agent(struct gather *gather, const struct roster_agent *agent)
{
    const char *id = agent->item.id;
    gather_read(gather, NULL, NULL, "HDEL mr:{sys}:agents %s", id);
    gather_read(gather, NULL, NULL, "HDEL mr:{sys}:beats %s", id);
    gather_read(gather, NULL, NULL, "DEL mr:{sys}:assign:%s", id);
}

void record_apply(struct gather *gather, struct roster *roster)
{
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        if (endpoint->is_read) {
            record_stats(gather, endpoint);
            record_crash(gather, roster, endpoint);
            remove_lost_workers(gather, roster, endpoint);
        }
    }
    for (size_t i = 0; i < roster->agents.count; i++) {
        const struct roster_agent *agent = roster_agent_at(roster, i);
        if (agent->is_gone && roster->now_ms - agent->beat_ms > AGENT_FORGET_MS) {
            forget_agent(gather, agent);
        }
    }
}
