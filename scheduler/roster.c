/* The objects the leader knows: their life, and small questions about them. How they are read from
 * Redis is roster_read.c, what follows from them is plan.c. */
#include "roster.h"

#include "queue/queue.h"

#define CONF_OFTEN_MS                                                          \
    3000 /* after a change: longer than the two calls of an API node lie apart \
          */

static struct table_item *endpoint_create(void)
{
    struct roster_endpoint *endpoint = xcalloc(1, sizeof(*endpoint));
    return &endpoint->item;
}

static void endpoint_destroy(struct table_item *item)
{
    struct roster_endpoint *endpoint = container_of(item, struct roster_endpoint, item);
    roster_endpoint_drop_workers(endpoint);
    roster_endpoint_drop_probes(endpoint);
    endpoint_free(endpoint->conf);
    free(endpoint->workers);
    free(endpoint->head_low);
    free(endpoint->said_told);
    free(endpoint);
}

static struct table_item *agent_create(void)
{
    struct roster_agent *agent = xcalloc(1, sizeof(*agent));
    return &agent->item;
}

static void agent_destroy(struct table_item *item)
{
    struct roster_agent *agent = container_of(item, struct roster_agent, item);
    roster_wishes_free(agent->wishes, agent->wish_count);
    free(agent->text);
    free(agent);
}

void roster_init(struct roster *roster, struct loop *loop, struct store *store)
{
    *roster = (struct roster){.loop = loop, .connected_ms = loop_now_ms(loop)};
    table_init(&roster->endpoints, endpoint_create, endpoint_destroy);
    table_init(&roster->agents, agent_create, agent_destroy);
    gather_init(&roster->gather, store);
}

void roster_done(struct roster *roster)
{
    gather_done(&roster->gather);
    table_done(&roster->endpoints);
    table_done(&roster->agents);
}

void roster_expect_change(struct roster *roster)
{
    roster->conf_due_ms = 0;
    roster->conf_often_ms = loop_now_ms(roster->loop) + CONF_OFTEN_MS;
}

void roster_reconnected(struct roster *roster)
{
    roster->connected_ms = loop_now_ms(roster->loop);
    roster_expect_change(roster);
    roster_forget_wishes(roster);
}

void roster_forget_wishes(struct roster *roster)
{
    for (size_t i = 0; i < roster->agents.count; i++) {
        roster_agent_at(roster, i)->is_known = false;
    }
}

struct roster_endpoint *roster_endpoint_at(const struct roster *roster, size_t index)
{
    ensure(index < roster->endpoints.count);
    return container_of(roster->endpoints.items[index], struct roster_endpoint, item);
}

struct roster_agent *roster_agent_at(const struct roster *roster, size_t index)
{
    ensure(index < roster->agents.count);
    return container_of(roster->agents.items[index], struct roster_agent, item);
}

bool roster_knows(const struct roster *roster, struct slice prefix)
{
    struct table_item *item = table_find(&roster->endpoints, decode_prefix(prefix));
    return item != NULL && container_of(item, struct roster_endpoint, item)->conf != NULL;
}

void roster_pardon(struct roster *roster, struct slice prefix)
{
    struct table_item *item = table_find(&roster->endpoints, decode_prefix(prefix));
    if (item != NULL) {
        container_of(item, struct roster_endpoint, item)->pardon_ms = roster->now_ms;
    }
}

struct roster_agent *roster_find_agent(const struct roster *roster, struct slice id)
{
    struct table_item *item = table_find(&roster->agents, id);
    return item != NULL ? container_of(item, struct roster_agent, item) : NULL;
}

int64_t roster_agent_wish(const struct roster_agent *agent, struct slice endpoint)
{
    for (size_t i = 0; i < agent->wish_count; i++) {
        if (slice_eq(agent->wishes[i].endpoint, endpoint)) {
            return agent->wishes[i].count;
        }
    }
    return 0;
}

void roster_agent_set_wishes(struct roster_agent *agent, struct roster_wish *wishes, size_t count)
{
    roster_wishes_free(agent->wishes, agent->wish_count);
    agent->wishes = wishes;
    agent->wish_count = count;
}

void roster_wishes_free(struct roster_wish *wishes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)wishes[i].endpoint.ptr);
    }
    free(wishes);
}

void roster_endpoint_add_worker(struct roster_endpoint *endpoint, struct slice id,
                                const struct worker_value *value)
{
    if (endpoint->worker_count == endpoint->worker_cap) {
        endpoint->worker_cap = endpoint->worker_cap ? endpoint->worker_cap * 2 : 8;
        endpoint->workers =
            xrealloc(endpoint->workers, endpoint->worker_cap * sizeof(*endpoint->workers));
    }
    endpoint->workers[endpoint->worker_count++] = (struct roster_worker){
        slice_dup(id), slice_dup(value->agent), value->state,   value->since_ms,
        value->slots,  value->start_ms,         value->ready_ms};
}

void roster_endpoint_drop_workers(struct roster_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->worker_count; i++) {
        free(endpoint->workers[i].id);
        free(endpoint->workers[i].agent);
    }
    endpoint->worker_count = 0;
}

void roster_endpoint_drop_probes(struct roster_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->probe_count; i++) {
        free(endpoint->probes[i].job);
    }
    endpoint->probe_count = 0;
}
