/* One round of decisions.      count workers -> scale each endpoint -> place all
 *
 * Workers of agents that are gone do not count. An endpoint that could not be read in this round
 * keeps what it has. An endpoint without a document (deleted) wants nothing and gets nothing.
 *
 * A worker that was wished a moment ago and has not been reported yet counts as starting: it may
 * have taken the job it was wished for, and must not be taken back for want of waiting jobs.
 *
 * idleTimeout 0 means: stay warm until somebody else needs the slot. Such idle workers count as
 * expired only while other endpoints were left without a place in the round before, and no more of
 * them than were missing. */
#include "plan.h"

#define REPORT_MS 5000 /* agents report what they start well within that time */

static void count_workers(struct plan *plan, struct roster *roster, size_t endpoint);
static void scale_endpoint(struct plan *plan, struct roster *roster, size_t index);
static void note_results(struct plan *plan, struct roster *roster);

static void copy_agents(struct plan *plan, const struct roster *roster)
{
    for (size_t a = 0; a < roster->agents.count; a++) {
        const struct roster_agent *agent = roster_agent_at(roster, a);
        plan->place.agents[a] =
            (struct place_agent){agent->value.slots, agent->value.gpus, agent->is_live};
    }
}

void plan_make(struct plan *plan, struct roster *roster)
{
    size_t endpoints = roster->endpoints.count, agents = roster->agents.count;
    plan->place = (struct place){
        .agents = xcalloc(agents + 1, sizeof(struct place_agent)),
        .agent_count = agents,
        .endpoints = xcalloc(endpoints + 1, sizeof(struct place_endpoint)),
        .endpoint_count = endpoints,
        .cells = xcalloc(endpoints * agents + 1, sizeof(struct place_cell)),
    };
    copy_agents(plan, roster);
    for (size_t e = 0; e < endpoints; e++) {
        count_workers(plan, roster, e);
        scale_endpoint(plan, roster, e);
    }
    place(&plan->place);
    note_results(plan, roster);
}

void plan_done(struct plan *plan)
{
    free(plan->place.agents);
    free(plan->place.endpoints);
    free(plan->place.cells);
    plan->place = (struct place){0};
}

/* --- workers --- */

static bool is_expired(const struct roster *roster, const struct roster_endpoint *endpoint,
                       const struct roster_worker *worker)
{
    int64_t timeout_ms = endpoint->conf->idle_timeout_s * 1000;
    return timeout_ms > 0 && roster->now_ms - worker->since_ms >= timeout_ms;
}

static enum place_class class_of(const struct roster *roster,
                                 const struct roster_endpoint *endpoint,
                                 const struct roster_worker *worker)
{
    static const enum place_class classes[] = {
        [WORKER_STARTING] = PLACE_STARTING,
        [WORKER_IDLE] = PLACE_IDLE,
        [WORKER_BUSY] = PLACE_BUSY,
        [WORKER_UNHEALTHY] = PLACE_UNHEALTHY,
    };
    ensure((size_t)worker->state < COUNT_OF(classes));
    bool is_old = worker->state == WORKER_IDLE && is_expired(roster, endpoint, worker);
    return is_old ? PLACE_EXPIRED : classes[worker->state];
}

/* What was wished and is not there yet: started in a moment, or for lack of something never. */
static void count_missing(struct plan *plan, const struct roster *roster, size_t endpoint)
{
    struct slice id = slice_of(roster->endpoints.items[endpoint]->id);
    for (size_t a = 0; a < roster->agents.count; a++) {
        const struct roster_agent *agent = roster_agent_at(roster, a);
        struct place_cell *cell = place_cell(&plan->place, endpoint, a);
        int64_t missing = agent->is_gone ? 0 : roster_agent_wish(agent, id);
        for (size_t class = 0; class < PLACE_CLASS_COUNT; class ++) {
            missing -= cell->present[class];
        }
        cell->present[PLACE_MISSING] = missing > 0 ? missing : 0;
    }
}

static void count_workers(struct plan *plan, struct roster *roster, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    for (size_t i = 0; endpoint->conf != NULL && i < endpoint->worker_count; i++) {
        const struct roster_worker *worker = &endpoint->workers[i];
        size_t a = table_index(&roster->agents, slice_of(worker->agent));
        if (a < roster->agents.count && !roster_agent_at(roster, a)->is_gone) {
            place_cell(&plan->place, index, a)->present[class_of(roster, endpoint, worker)]++;
        }
    }
    count_missing(plan, roster, index);
}

static int64_t sum_of(const struct plan *plan, size_t endpoint, enum place_class class)
{
    int64_t sum = 0;
    for (size_t a = 0; a < plan->place.agent_count; a++) {
        sum += place_cell(&plan->place, endpoint, a)->present[class];
    }
    return sum;
}

/* --- scale --- */

static int64_t missing_elsewhere(const struct roster *roster, const struct roster_endpoint *but)
{
    int64_t missing = 0;
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        const struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        missing += endpoint != but ? endpoint->throttled : 0;
    }
    return missing;
}

/* idleTimeout 0 */
static void expire_for_others(struct plan *plan, const struct roster *roster, size_t index)
{
    int64_t missing = missing_elsewhere(roster, roster_endpoint_at(roster, index));
    for (size_t a = 0; a < plan->place.agent_count; a++) {
        int64_t *present = place_cell(&plan->place, index, a)->present;
        int64_t some = missing < present[PLACE_IDLE] ? missing : present[PLACE_IDLE];
        present[PLACE_IDLE] -= some;
        present[PLACE_EXPIRED] += some;
        missing -= some;
    }
}

static int64_t count_starting(const struct plan *plan, const struct roster *roster, size_t index)
{
    bool is_fresh = roster->now_ms - roster_endpoint_at(roster, index)->grown_ms < REPORT_MS;
    return sum_of(plan, index, PLACE_STARTING) +
           (is_fresh ? sum_of(plan, index, PLACE_MISSING) : 0);
}

static struct scale_input input_of(const struct plan *plan, const struct roster *roster,
                                   size_t index)
{
    const struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    int64_t expired = sum_of(plan, index, PLACE_EXPIRED);
    return (struct scale_input){
        .scaler = endpoint->conf->scaler,
        .scaler_value = endpoint->conf->scaler_value,
        .min = endpoint->conf->workers_min,
        .max = endpoint->conf->workers_max,
        .queued = endpoint->queued,
        .waiting = endpoint->waiting,
        .late = endpoint->late,
        .running = endpoint->running,
        .starting = count_starting(plan, roster, index),
        .idle = sum_of(plan, index, PLACE_IDLE) + expired,
        .busy = sum_of(plan, index, PLACE_BUSY),
        .expired = expired,
    };
}

static struct scale_decision decide(struct plan *plan, struct roster *roster, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    if (endpoint->conf == NULL) {
        return (struct scale_decision){0, SCALE_KEEP};
    }
    if (!endpoint->is_read) {
        return (struct scale_decision){sum_of(plan, index, PLACE_MISSING), SCALE_UNKNOWN};
    }
    if (endpoint->conf->idle_timeout_s == 0) {
        expire_for_others(plan, roster, index);
    }
    endpoint->input = input_of(plan, roster, index);
    endpoint->ready = endpoint->input.idle + endpoint->input.busy;
    return scale(&endpoint->input);
}

static void scale_endpoint(struct plan *plan, struct roster *roster, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    endpoint->decision = decide(plan, roster, index);
    plan->place.endpoints[index] = (struct place_endpoint){
        .want = endpoint->decision.want,
        .gpus_each = endpoint->conf != NULL ? endpoint->conf->gpu_count : 0,
    };
}

/* --- results --- */

static void note_results(struct plan *plan, struct roster *roster)
{
    for (size_t e = 0; e < roster->endpoints.count; e++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, e);
        int64_t placed = plan->place.endpoints[e].placed;
        endpoint->grown_ms = placed > endpoint->placed ? roster->now_ms : endpoint->grown_ms;
        endpoint->placed = placed;
        endpoint->throttled = endpoint->decision.want - endpoint->placed;
    }
}

size_t plan_wishes(const struct plan *plan, const struct roster *roster, size_t agent,
                   struct roster_wish **ret_wishes)
{
    struct roster_wish *wishes = xcalloc(roster->endpoints.count + 1, sizeof(*wishes));
    size_t count = 0;
    for (size_t e = 0; e < roster->endpoints.count; e++) {
        int64_t wish = place_cell(&plan->place, e, agent)->wish;
        struct slice id = slice_of(roster->endpoints.items[e]->id);
        if (wish > 0) {
            wishes[count++] = (struct roster_wish){{slice_dup(id), id.len}, wish};
        }
    }
    *ret_wishes = wishes;
    return count;
}
