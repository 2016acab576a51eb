/* A pod is, in this order:
 *
 *   leaving     it is being deleted, its node or agent is lost: it counts for nothing
 *   old         of an earlier release: while it has a job it counts as busy, then it goes
 *   nascent     its agent has not registered: it counts as starting
 *   drained     its agent has been told to take no more, and holds nothing: the first to go, or to
 *               be revived when more are wanted before its deletion has begun
 *   serving     its worker counts like any other
 *
 * What must never happen: a pod is called free to be deleted while it may hold a job. Its agent
 * says that it is drained only after it was told to take no more, and takes again only when told
 * so; a nascent pod takes its first job after its agent has registered, and is then seen. */
#include "podplan.h"

#define SETTLE_MS 3000

bool podplan_is_pod(const struct roster *roster, const struct roster_agent *agent)
{
    return roster->pods != NULL && agent->value.is_pod;
}

static const struct roster_agent *agent_of(const struct roster *roster, const struct pod *pod)
{
    return roster_find_agent(roster, slice_of(pod->item.id));
}

static bool is_nascent(const struct roster_agent *agent)
{
    return agent == NULL || (!agent->is_live && !agent->is_gone);
}

/* Long enough that a beat has told what follows from the last order. */
static bool is_settled(const struct roster *roster, const struct roster_agent *agent)
{
    return agent->is_known && loop_now_ms(roster->loop) - agent->written_ms >= SETTLE_MS;
}

static bool is_told(const struct roster_agent *agent)
{
    return agent->wish_count == 1 && agent->wishes[0].count == 0;
}

/* It has been told to take no more, or there is nothing any more that it could take. */
static bool is_ordered(const struct roster *roster, const struct roster_agent *agent)
{
    struct table_item *item = table_find(&roster->endpoints, agent->value.endpoint);
    if (item == NULL || container_of(item, struct roster_endpoint, item)->version == 0) {
        return true;
    }
    return is_told(agent) && is_settled(roster, agent);
}

static bool is_free(const struct roster *roster, const struct roster_agent *agent)
{
    return is_nascent(agent) || agent->is_gone ||
           (agent->value.is_drained && is_ordered(roster, agent));
}

void podplan_begin(struct roster *roster)
{
    for (size_t i = 0; roster->pods != NULL && i < roster->pods->table.count; i++) {
        struct pod *pod = pods_at(roster->pods, i);
        const struct roster_agent *agent = agent_of(roster, pod);
        pod->is_wanted = false;
        pod->is_free = is_free(roster, agent);
    }
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        endpoint->pods_nascent = endpoint->pods_old_busy = 0;
        endpoint->pods_wanted = -1;
        endpoint->trouble = POD_FINE;
    }
}

static bool is_current(const struct roster_endpoint *endpoint, const struct pod *pod)
{
    return !pod->is_leaving && !pod->is_doomed && strcmp(pod->release, endpoint->release) == 0;
}

bool podplan_skips(struct roster_endpoint *endpoint, const struct roster *roster,
                   const struct roster_agent *agent, const struct roster_worker *worker)
{
    if (!podplan_is_pod(roster, agent) || !podplan_is_known(roster, endpoint)) {
        return false;
    }
    const struct pod *pod = pods_find(roster->pods, slice_of(agent->item.id));
    if (pod == NULL || pod->is_leaving || pod->is_doomed) {
        return true;
    }
    bool is_old = !is_current(endpoint, pod);
    endpoint->pods_old_busy += is_old && worker->state == WORKER_BUSY;
    return is_old;
}

static bool is_present(const struct place_cell *cell)
{
    int64_t sum = 0;
    for (size_t class = 0; class < PLACE_CLASS_COUNT; class ++) {
        sum += cell->present[class];
    }
    return sum > 0;
}

static void count_pod(struct plan *plan, struct roster *roster, size_t index, const struct pod *pod)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    size_t a = table_index(&roster->agents, slice_of(pod->item.id));
    const struct roster_agent *agent = a < roster->agents.count ? roster_agent_at(roster, a) : NULL;
    if (pod->trouble > endpoint->trouble) {
        endpoint->trouble = pod->trouble;
        endpoint->troubled = pod;
    }
    if (is_nascent(agent)) {
        endpoint->pods_nascent++;
    } else if (!agent->is_gone && !is_present(place_cell(&plan->place, index, a))) {
        bool is_stopped = agent->value.is_drained || is_told(agent);
        enum place_class class = is_stopped ? PLACE_MISSING : PLACE_STARTING;
        place_cell(&plan->place, index, a)->present[class]++;
    }
}

void podplan_count(struct plan *plan, struct roster *roster, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    if (!endpoint->is_clustered || !roster->pods->is_synced) {
        return;
    }
    if (endpoint->is_refused) {
        endpoint->trouble = POD_NO_ROOM;
    }
    for (size_t i = 0; i < roster->pods->table.count; i++) {
        const struct pod *pod = pods_at(roster->pods, i);
        if (is_current(endpoint, pod)) {
            count_pod(plan, roster, index, pod);
        }
    }
}

bool podplan_is_known(const struct roster *roster, const struct roster_endpoint *endpoint)
{
    return !endpoint->is_clustered || roster->pods->is_synced;
}

static int64_t registered(const struct plan *plan, size_t index)
{
    int64_t count = 0;
    for (size_t a = 0; a < plan->place.agent_count; a++) {
        count += is_present(place_cell(&plan->place, index, a));
    }
    return count;
}

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Pods that there are without a registered agent, and those that Kubernetes has yet to make. */
int64_t podplan_starting(const struct roster_endpoint *endpoint)
{
    int64_t coming = endpoint->pods_asked - endpoint->pods_there;
    return endpoint->pods_nascent + (coming > 0 ? coming : 0);
}

void podplan_want(struct plan *plan, struct roster *roster, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    struct place_endpoint *placed = &plan->place.endpoints[index];
    int64_t there = registered(plan, index);
    if (!endpoint->is_clustered) {
        return;
    }
    if (!roster->pods->is_synced || !endpoint->is_read) {
        placed->want = there; /* it all stays as it is */
        return;
    }
    int64_t wanted = endpoint->decision.want - endpoint->pods_old_busy;
    endpoint->pods_wanted = wanted > 0 ? wanted : 0;
    placed->want = min_of(endpoint->pods_wanted, there);
}

bool podplan_is_decided(const struct roster_endpoint *endpoint)
{
    return endpoint->pods_wanted >= 0;
}

bool podplan_is_of(const struct roster *roster, size_t index, struct slice endpoint)
{
    const struct roster_agent *agent = roster_agent_at(roster, index);
    return podplan_is_pod(roster, agent) && slice_eq(agent->value.endpoint, endpoint);
}

/* Those that have no trouble stay rather. */
static void keep_nascent(struct roster *roster, const struct roster_endpoint *endpoint,
                         int64_t count)
{
    for (unsigned trouble = POD_FINE; trouble <= POD_CRASHING; trouble++) {
        for (size_t i = 0; i < roster->pods->table.count && count > 0; i++) {
            struct pod *pod = pods_at(roster->pods, i);
            if (is_current(endpoint, pod) && is_nascent(agent_of(roster, pod)) &&
                (unsigned)pod->trouble == trouble) {
                pod->is_wanted = true;
                count--;
            }
        }
    }
}

void podplan_note(const struct plan *plan, struct roster *roster, size_t index)
{
    const struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    if (!podplan_is_decided(endpoint)) {
        return;
    }
    for (size_t a = 0; a < plan->place.agent_count; a++) {
        struct pod *pod = pods_find(roster->pods, slice_of(roster->agents.items[a]->id));
        if (pod != NULL && place_cell(&plan->place, index, a)->wish > 0) {
            pod->is_wanted = true;
        }
    }
    keep_nascent(roster, endpoint, endpoint->pods_wanted - plan->place.endpoints[index].placed);
}
