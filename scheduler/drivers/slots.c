/* Assignments: a wish for each endpoint on each agent; agents converge and report.
 *
 * Only what has changed is written, and everything once a minute, so that an assignment that was
 * lost (Redis restarted without it, a key that expired) comes back. A write that fails makes the
 * agent's assignment unknown: the next round reads it before it decides. An agent whose assignment
 * is unknown gets none: two leaders in a row must not undo what they cannot see. */
#include "slots.h"

#include <inttypes.h>
#include <stdio.h>

#include "queue/queue.h"

#define NUMBER_SIZE 21

static bool is_same(const struct roster_agent *agent, const struct roster_wish *wishes,
                    size_t count)
{
    if (agent->wish_count != count) { /* a pod's only wish may be 0 */
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (roster_agent_wish(agent, wishes[i].endpoint) != wishes[i].count) {
            return false;
        }
    }
    return true;
}

static void slots_written(void *target, const struct reply *reply)
{
    struct roster_agent *agent = target;
    int64_t answer = reply_int(reply, -1);
    agent->is_known = answer == 1;
    agent->is_refused = answer == 0;
}

static void write_wishes(const struct slots_round *round, struct gather *gather,
                         struct roster_agent *agent)
{
    size_t count = agent->wish_count;
    AUTO(free) void *pairs_memory = xcalloc(2 * count + 1, sizeof(struct slice));
    AUTO(free) void *text_memory = xcalloc(count + 1, NUMBER_SIZE);
    struct slice *pairs = pairs_memory;
    for (size_t i = 0; i < count; i++) {
        char *text = (char *)text_memory + i * NUMBER_SIZE;
        (void)snprintf(text, NUMBER_SIZE, "%" PRId64, agent->wishes[i].count);
        pairs[2 * i] = agent->wishes[i].endpoint;
        pairs[2 * i + 1] = slice_of(text);
    }
    agent->written_ms = round->now_ms;
    agent->is_known = agent->is_refused = false;
    queue_assign(gather->store, gather_add(gather, slots_written, agent), round->epoch,
                 slice_of(agent->item.id), pairs, 2 * count, gather_arrived);
}

size_t slots_apply(const struct slots_round *round, struct gather *gather, struct roster *roster,
                   const struct plan *plan)
{
    size_t changed = 0;
    for (size_t a = 0; a < roster->agents.count; a++) {
        struct roster_agent *agent = roster_agent_at(roster, a);
        bool is_blind = agent->value.is_pod && (roster->pods == NULL || !roster->pods->is_synced);
        if (agent->is_gone || !agent->is_known || is_blind) {
            continue;
        }
        struct roster_wish *wishes;
        size_t count = plan_wishes(plan, roster, a, &wishes);
        bool is_changed = !is_same(agent, wishes, count);
        roster_agent_set_wishes(agent, wishes, count);
        if (is_changed || round->now_ms - agent->written_ms >= SLOTS_REWRITE_MS) {
            write_wishes(round, gather, agent);
        }
        changed += is_changed;
    }
    return changed;
}

bool slots_was_refused(const struct roster *roster)
{
    bool was_refused = false;
    for (size_t a = 0; a < roster->agents.count; a++) {
        was_refused = was_refused || roster_agent_at(roster, a)->is_refused;
    }
    return was_refused;
}
