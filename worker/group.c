/* Wish against reality for one endpoint. The wish is the number in the last beat; without a
 * readable document it is 0. Idle processes go before busy ones; a busy one that has to go drains.
 */
#include "group.h"

#include "base/log.h"
#include "cards.h"
#include "pod.h"
#include "slot.h"

#define CONF_RETRY_MS 1000

static void conf_read(struct store_call *call, enum err err, const struct reply *reply);

struct group *group_new(struct agent *agent, struct slice ep)
{
    struct group *group = xcalloc(1, sizeof(*group));
    group->agent = agent;
    group->ep = slice_dup(ep);
    list_init(&group->slots);
    list_init(&group->jobs);
    taker_init(&group->taker);
    scribe_init(&group->scribe);
    list_push(&agent->groups, &group->link);
    group_refresh(group);
    return group;
}

void group_free(struct group *group)
{
    list_unlink(&group->link);
    taker_done(&group->taker);
    lease_done(&group->lease);
    report_done(&group->report);
    scribe_done(&group->scribe);
    store_detach(&group->conf_call);
    timer_stop(&group->conf_timer);
    endpoint_free(group->endpoint);
    free(group->ep);
    free(group);
}

bool group_is_idle(const struct group *group)
{
    return group->wanted == 0 && list_is_empty(&group->slots) && list_is_empty(&group->jobs) &&
           taker_is_idle(&group->taker) && report_is_sent(&group->report) &&
           scribe_is_idle(&group->scribe);
}

struct slice group_ep(const struct group *group)
{
    return slice_of(group->ep);
}

int64_t group_retries(const struct group *group)
{
    return group->endpoint != NULL ? group->endpoint->retries : 1;
}

int64_t group_retention_ms(const struct group *group)
{
    return group->endpoint != NULL ? group->endpoint->retention_async_s * 1000
                                   : ORPHAN_RETENTION_MS;
}

bool group_waits_for_replica(const struct group *group)
{
    return group->endpoint != NULL && group->endpoint->waits_for_replica;
}

size_t group_slot_count(const struct group *group)
{
    size_t count = 0;
    list_each (at, &group->slots) {
        count++;
    }
    return count;
}

/* ---- document ---- */

void group_refresh(struct group *group)
{
    if (store_call_is_waiting(&group->conf_call)) {
        group->conf_again = true;
        return;
    }
    AUTO_STR key = xasprintf("mr:{%s}:conf", group->ep);
    const struct slice args[] = {SLICE("HMGET"), slice_of(key), SLICE("doc"), SLICE("version")};
    group->conf_again = false;
    store_command(group->agent->store, &group->conf_call, args, COUNT_OF(args), conf_read);
}

static void conf_retry(struct timer *timer)
{
    group_refresh(container_of(timer, struct group, conf_timer));
}

static void conf_take(struct group *group, struct slice document, int64_t version)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    if (group->endpoint != NULL && group->endpoint->version == version) {
        return;
    }
    if (endpoint_parse(document, &endpoint, &problem) != ERR_OK) {
        log_error("endpoint.unreadable", "ep=%s problem=%s", group->ep,
                  log_quote(buf_slice(&problem)));
        return; /* what runs goes on with the document it has */
    }
    log_info("endpoint.read", "ep=%s version=%lld release=%012llx", group->ep, (long long)version,
             (unsigned long long)endpoint->release);
    endpoint->version = version;
    endpoint_free(group->endpoint);
    group->endpoint = steal(endpoint);
    list_each (at, &group->slots) {
        slot_note_document(container_of(at, struct slot, link));
    }
}

static void conf_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct group *group = container_of(call, struct group, conf_call);
    if (err != ERR_OK) {
        timer_start(group->agent->loop, &group->conf_timer, CONF_RETRY_MS, conf_retry);
        return;
    }
    const struct reply *document = reply_at(reply, 0);
    if (reply_is_nil(document)) {
        endpoint_free(group->endpoint);
        group->endpoint = NULL;
    } else {
        conf_take(group, reply_slice(document), reply_int(reply_at(reply, 1), 0));
    }
    if (group->conf_again) {
        group_refresh(group);
    }
    agent_converge(group->agent);
}

/* ---- converge ---- */

int64_t group_wish(const struct group *group)
{
    const struct agent *agent = group->agent;
    bool is_leaving = agent->is_stopping || (agent->pod != NULL && pod_is_leaving(agent->pod));
    return group->endpoint == NULL || is_leaving ? 0 : group->wanted;
}

static bool is_counted(const struct slot *slot)
{
    return slot->fate == FATE_STAY || slot->fate == FATE_REPLACE;
}

static int64_t counted(const struct group *group)
{
    int64_t count = 0;
    list_each (at, &group->slots) {
        count += is_counted(container_of(at, struct slot, link));
    }
    return count;
}

/* How much would be lost if the slot went; the smallest goes first. One whose card is ill has to go
 * whatever it does. */
static size_t worth(const struct slot *slot)
{
    if (!cards_are_well(slot->group->agent->cards, slot->cards, slot->card_count)) {
        return 0;
    }
    return 1 + (slot->state <= SLOT_STARTING ? slot->state : 2 + slot_job_count(slot));
}

static struct slot *cheapest(const struct group *group)
{
    struct slot *best = NULL;
    list_each (at, &group->slots) {
        struct slot *slot = container_of(at, struct slot, link);
        if (is_counted(slot) && (best == NULL || worth(slot) <= worth(best))) {
            best = slot;
        }
    }
    return best;
}

/* Its process is not what the document asks for, or has a card that has fallen ill or is of a type
 * no longer wanted. */
static bool is_outdated(const struct slot *slot)
{
    const struct cards *cards = slot->group->agent->cards;
    return !slot_is_current(slot) || !cards_are_well(cards, slot->cards, slot->card_count) ||
           !cards_are_of(cards, slot->cards, slot->card_count, slot->group->endpoint->gpu_types);
}

/* A pod keeps its image: it is the scheduler that replaces it. */
static void replace_outdated(struct group *group)
{
    if (group->agent->pod != NULL) {
        return;
    }
    list_each_safe (at, &group->slots) {
        struct slot *slot = container_of(at, struct slot, link);
        if (group->endpoint != NULL && slot->fate == FATE_STAY && is_outdated(slot)) {
            slot_drain(slot, FATE_REPLACE);
        }
    }
}

void group_shrink(struct group *group)
{
    for (int64_t surplus = counted(group) - group_wish(group); surplus > 0; surplus--) {
        slot_drain(cheapest(group), group->agent->is_stopping ? FATE_LEAVE : FATE_SURPLUS);
    }
    if (group->agent->is_stopping) {
        list_each_safe (at, &group->slots) {
            slot_drain(container_of(at, struct slot, link), FATE_LEAVE);
        }
        return;
    }
    replace_outdated(group);
}

static bool revive_one(struct group *group)
{
    list_each (at, &group->slots) {
        struct slot *slot = container_of(at, struct slot, link);
        if (slot_is_current(slot) && slot_revive(slot)) {
            return true;
        }
    }
    return false;
}

void group_grow(struct group *group, size_t *places)
{
    int64_t missing = group_wish(group) - counted(group);
    while (missing > 0 && revive_one(group)) {
        missing--;
    }
    for (; missing > 0 && *places > 0; missing--) {
        slot_new(group);
        (*places)--;
    }
    if (missing > 0 && !group->is_told_full) {
        log_warn("worker.no_place", "ep=%s missing=%lld reason=\"all %lld slots are in use\"",
                 group->ep, (long long)missing, (long long)group->agent->config.slots);
    }
    group->is_told_full = missing > 0;
}
