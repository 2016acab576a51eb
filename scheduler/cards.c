/* Two agents on one machine see the same cards. A card belongs to the first of them that is not
 * gone: it alone gets workers for it, so no card is given twice whatever the agents believe. */
#include "cards.h"

#include "base/map.h"

struct seen {
    struct map_node node;
};

static size_t type_of(struct roster *roster, struct slice name)
{
    for (size_t i = 0; i < roster->type_count; i++) {
        if (slice_eq_nocase(roster->types[i], name)) {
            return i;
        }
    }
    if (roster->type_count < PLACE_TYPES_MAX) {
        roster->types[roster->type_count++] = name;
        return roster->type_count - 1;
    }
    return PLACE_TYPES_MAX;
}

static void count_one(struct roster *roster, struct roster_agent *agent, struct map *seen,
                      const struct gpu_value *gpu)
{
    size_t type = type_of(roster, gpu->name);
    if (type == PLACE_TYPES_MAX || map_get(seen, gpu->uuid) != NULL) {
        return;
    }
    struct seen *one = xcalloc(1, sizeof(*one));
    map_put(seen, &one->node, gpu->uuid);
    agent->cards[type]++;
    roster->is_slice[type] = gpu->is_slice;
}

static void forget(struct map *seen)
{
    struct map_node *node;
    while ((node = map_next(seen, NULL)) != NULL) {
        map_del(seen, node);
        free(container_of(node, struct seen, node));
    }
    map_done(seen);
}

void cards_count(struct roster *roster)
{
    if (!roster->is_cards_stale) {
        return;
    }
    struct map seen;
    map_init(&seen);
    roster->is_cards_stale = false;
    roster->type_count = 0;
    for (size_t a = 0; a < roster->agents.count; a++) {
        struct roster_agent *agent = roster_agent_at(roster, a);
        memset(agent->cards, 0, sizeof(agent->cards));
        for (size_t i = 0; i < agent->value.gpu_count && !agent->is_gone; i++) {
            count_one(roster, agent, &seen, &agent->value.gpus[i]);
        }
    }
    forget(&seen);
}

/* CUDA shows a process one slice only, however many it is given. */
static void add_type(const struct roster *roster, const struct endpoint *conf,
                     struct place_endpoint *endpoint, size_t type)
{
    bool is_usable = conf->gpu_count <= 1 || !roster->is_slice[type];
    if (is_usable && endpoint->type_count < PLACE_TYPES_MAX) {
        endpoint->types[endpoint->type_count++] = (uint8_t)type;
    }
}

void cards_types_of(const struct roster *roster, const struct endpoint *conf,
                    struct place_endpoint *endpoint)
{
    bool is_any = conf->gpu_types == NULL || conf->gpu_types[0] == NULL;
    endpoint->type_count = 0;
    for (size_t i = 0; is_any && i < roster->type_count; i++) {
        add_type(roster, conf, endpoint, i);
    }
    for (char **name = conf->gpu_types; !is_any && *name != NULL; name++) {
        for (size_t i = 0; i < roster->type_count; i++) {
            if (slice_eq_nocase(roster->types[i], slice_of(*name))) {
                add_type(roster, conf, endpoint, i);
            }
        }
    }
}
