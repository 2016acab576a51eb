/* Placement in four steps:
 *
 *   keep     every worker that is there (or was wished) stays where it is
 *   shrink   an endpoint that has too many loses the cheapest: not started, unhealthy, idle
 * longest, idle, starting, busy; among equals where most of that kind are fit      an open agent
 * that has more than its slots or GPUs loses the cheapest, which may be placed again elsewhere fill
 * what is still wanted is placed one by one, the endpoint with the fewest workers first, on the
 * agent that has the fewest of this endpoint, then the most free slots. The GPUs of one worker come
 * from one agent or not at all
 *
 * What must never happen: a running worker moves because of another endpoint's change (it would be
 * stopped in one place and started in another), or the same state placed differently twice. */
#include "place.h"

#include "base/alloc.h"
#include "base/err.h"

#define NOWHERE SIZE_MAX

/* The cheapest worker of a cell, compared over cells: lower class, then more of it, then more in
 * all. */
struct offer {
    size_t index;
    enum place_class class;
    int64_t of_class, total;
};

static void keep_present(struct place *place);
static void shrink_endpoint(struct place *place, size_t endpoint);
static void fit_agent(struct place *place, size_t agent);
static void fill(struct place *place);

struct place_cell *place_cell(const struct place *place, size_t endpoint, size_t agent)
{
    ensure(endpoint < place->endpoint_count && agent < place->agent_count);
    return &place->cells[endpoint * place->agent_count + agent];
}

void place(struct place *place)
{
    keep_present(place);
    for (size_t e = 0; e < place->endpoint_count; e++) {
        shrink_endpoint(place, e);
    }
    for (size_t a = 0; a < place->agent_count; a++) {
        if (place->agents[a].is_open) {
            fit_agent(place, a);
        }
    }
    fill(place);
}

static void keep_present(struct place *place)
{
    for (size_t e = 0; e < place->endpoint_count; e++) {
        place->endpoints[e].placed = 0;
        for (size_t a = 0; a < place->agent_count; a++) {
            struct place_cell *cell = place_cell(place, e, a);
            cell->wish = 0;
            for (size_t class = 0; class < PLACE_CLASS_COUNT; class ++) {
                ensure(cell->present[class] >= 0);
                cell->wish += cell->present[class];
            }
            place->endpoints[e].placed += cell->wish;
        }
    }
}

static bool make_offer(const struct place_cell *cell, size_t index, struct offer *ret_offer)
{
    for (size_t class = 0; class < PLACE_CLASS_COUNT; class ++) {
        if (cell->present[class] > 0) {
            *ret_offer =
                (struct offer){index, (enum place_class) class, cell->present[class], cell->wish};
            return true;
        }
    }
    return false;
}

static bool is_cheaper(const struct offer *a, const struct offer *b)
{
    if (a->class != b->class) {
        return a->class < b->class;
    }
    if (a->of_class != b->of_class) {
        return a->of_class > b->of_class;
    }
    return a->total >= b->total; /* the later index goes: the first agents stay filled */
}

static void take_away(struct place *place, size_t endpoint, size_t agent, enum place_class class)
{
    struct place_cell *cell = place_cell(place, endpoint, agent);
    cell->present[class]--;
    cell->wish--;
    place->endpoints[endpoint].placed--;
}

/* --- shrink --- */

static void shrink_endpoint(struct place *place, size_t endpoint)
{
    while (place->endpoints[endpoint].placed > place->endpoints[endpoint].want) {
        struct offer best = {.index = NOWHERE}, offer;
        for (size_t a = 0; a < place->agent_count; a++) {
            if (make_offer(place_cell(place, endpoint, a), a, &offer) &&
                (best.index == NOWHERE || is_cheaper(&offer, &best))) {
                best = offer;
            }
        }
        ensure(best.index != NOWHERE);
        take_away(place, endpoint, best.index, best.class);
    }
}

/* --- fit --- */

static int64_t free_slots(const struct place *place, size_t agent)
{
    int64_t left = place->agents[agent].slots;
    for (size_t e = 0; e < place->endpoint_count; e++) {
        left -= place_cell(place, e, agent)->wish;
    }
    return left;
}

static int64_t free_gpus(const struct place *place, size_t agent)
{
    int64_t left = place->agents[agent].gpus;
    for (size_t e = 0; e < place->endpoint_count; e++) {
        left -= place_cell(place, e, agent)->wish * place->endpoints[e].gpus_each;
    }
    return left;
}

/* gpus_min 1: only workers that hold GPUs. */
static void take_cheapest(struct place *place, size_t agent, int64_t gpus_min)
{
    struct offer best = {.index = NOWHERE}, offer;
    for (size_t e = 0; e < place->endpoint_count; e++) {
        if (place->endpoints[e].gpus_each >= gpus_min &&
            make_offer(place_cell(place, e, agent), e, &offer) &&
            (best.index == NOWHERE || is_cheaper(&offer, &best))) {
            best = offer;
        }
    }
    ensure(best.index != NOWHERE);
    take_away(place, best.index, agent, best.class);
}

static void fit_agent(struct place *place, size_t agent)
{
    while (free_gpus(place, agent) < 0) {
        take_cheapest(place, agent, 1);
    }
    while (free_slots(place, agent) < 0) {
        take_cheapest(place, agent, 0);
    }
}

/* --- fill --- */

/* The slots and GPUs left are counted once and kept while filling: agents[a] is lowered. */
static void count_left(struct place *place)
{
    for (size_t a = 0; a < place->agent_count; a++) {
        int64_t slots = free_slots(place, a), gpus = free_gpus(place, a);
        place->agents[a].slots = slots;
        place->agents[a].gpus = gpus;
    }
}

static bool has_room(const struct place_agent *agent, int64_t gpus_each)
{
    return agent->is_open && agent->slots > 0 && (gpus_each == 0 || agent->gpus >= gpus_each);
}

static size_t find_agent(const struct place *place, size_t endpoint)
{
    size_t best = NOWHERE;
    for (size_t a = 0; a < place->agent_count; a++) {
        if (!has_room(&place->agents[a], place->endpoints[endpoint].gpus_each)) {
            continue;
        }
        int64_t wish = place_cell(place, endpoint, a)->wish;
        int64_t wish_best = best == NOWHERE ? INT64_MAX : place_cell(place, endpoint, best)->wish;
        if (wish < wish_best || (wish == wish_best && best != NOWHERE &&
                                 place->agents[a].slots > place->agents[best].slots)) {
            best = a;
        }
    }
    return best;
}

static size_t find_needy(const struct place *place, const bool *is_stuck)
{
    size_t best = NOWHERE;
    for (size_t e = 0; e < place->endpoint_count; e++) {
        const struct place_endpoint *endpoint = &place->endpoints[e];
        if (!is_stuck[e] && endpoint->placed < endpoint->want &&
            (best == NOWHERE || endpoint->placed < place->endpoints[best].placed)) {
            best = e;
        }
    }
    return best;
}

static void fill(struct place *place)
{
    count_left(place);
    AUTO(free) void *memory = xcalloc(place->endpoint_count + 1, sizeof(bool));
    bool *is_stuck = memory; /* no agent has room for one more */
    size_t e;
    while ((e = find_needy(place, is_stuck)) != NOWHERE) {
        size_t a = find_agent(place, e);
        if (a == NOWHERE) {
            is_stuck[e] = true;
            continue;
        }
        place_cell(place, e, a)->wish++;
        place->endpoints[e].placed++;
        place->agents[a].slots--;
        place->agents[a].gpus -= place->endpoints[e].gpus_each;
    }
}
