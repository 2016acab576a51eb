/* Placement in four steps:
 *
 *   keep     every worker that is there (or was wished) stays where it is, unless it is barred
 *            there
 *   shrink   an endpoint that has too many loses the cheapest: not started, unhealthy, idle
 *            longest, warm, idle, starting, busy; among equals where most of that kind are
 *   fit      an open agent that has more than its slots or cards loses the cheapest, which may be
 *            placed again elsewhere
 *   fill     what is still wanted is placed one by one, the endpoint with the fewest workers for
 *            its weight first; what finds no room may take it from others: turn.c
 *
 * Room is looked for type by type in the endpoint's order. Of several agents with room the one wins
 * where a worker starts fastest (its cache is the warmest). Among equals replicas are spread: the
 * agent with the fewest of this endpoint; then small workers are packed: the agent with the fewest
 * free cards, so that those which need many find a whole machine; without cards, the one with the
 * most free slots.
 *
 * What must never happen: a running worker moves because of another endpoint's change (it would be
 * stopped in one place and started in another), or the same state placed differently twice. */
#include "place.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "turn.h"

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
        place->endpoints[e].placed = place->endpoints[e].given_up = 0;
        for (size_t a = 0; a < place->agent_count; a++) {
            struct place_cell *cell = place_cell(place, e, a);
            cell->wish = 0;
            for (size_t class = 0; class < PLACE_CLASS_COUNT; class ++) {
                ensure(cell->present[class] >= 0);
                cell->present[class] = cell->is_barred ? 0 : cell->present[class];
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

bool turn_draw(const struct place_endpoint *endpoint, int64_t *cards)
{
    for (size_t i = 0; endpoint->gpus_each > 0 && i < endpoint->type_count; i++) {
        if (cards[endpoint->types[i]] >= endpoint->gpus_each) {
            cards[endpoint->types[i]] -= endpoint->gpus_each;
            return true;
        }
    }
    return endpoint->gpus_each == 0;
}

/* Draws the cards of all its workers and of one more of `plus`; false when they are too few. The
 * agent itself gives its cards in the same order of types. */
static bool draw_all(const struct place *place, size_t agent, size_t plus, int64_t *cards)
{
    bool is_enough = true;
    memcpy(cards, place->agents[agent].cards, sizeof(place->agents[agent].cards));
    for (size_t e = 0; e < place->endpoint_count; e++) {
        for (int64_t i = place_cell(place, e, agent)->wish + (e == plus); i > 0; i--) {
            is_enough = turn_draw(&place->endpoints[e], cards) && is_enough;
        }
    }
    return is_enough;
}

void turn_count_left(struct place *place, size_t agent)
{
    struct place_agent *at = &place->agents[agent];
    at->slots_left = free_slots(place, agent);
    (void)draw_all(place, agent, NOWHERE, at->cards_left);
}

static bool has_cards(const struct place *place, size_t agent, size_t plus)
{
    int64_t cards[PLACE_TYPES_MAX];
    return draw_all(place, agent, plus, cards);
}

/* gpus_min 1: only workers that hold cards. */
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
    while (!has_cards(place, agent, NOWHERE)) {
        take_cheapest(place, agent, 1);
    }
    while (free_slots(place, agent) < 0) {
        take_cheapest(place, agent, 0);
    }
}

/* --- fill --- */

/* Counted once and kept while filling. */
static void count_left(struct place *place)
{
    for (size_t a = 0; a < place->agent_count; a++) {
        turn_count_left(place, a);
    }
}

struct spot {
    size_t agent;
    int warmth;
    int64_t wish, cards, slots;
};

static bool is_better(const struct spot *a, const struct spot *b, bool needs_cards)
{
    if (a->warmth != b->warmth) {
        return a->warmth > b->warmth;
    }
    if (a->wish != b->wish) {
        return a->wish < b->wish;
    }
    if (needs_cards && a->cards != b->cards) {
        return a->cards < b->cards;
    }
    return a->slots > b->slots;
}

/* type: PLACE_TYPES_MAX for none. */
static size_t find_agent(const struct place *place, size_t endpoint, size_t type)
{
    int64_t gpus_each = place->endpoints[endpoint].gpus_each;
    struct spot best = {.agent = NOWHERE};
    for (size_t a = 0; a < place->agent_count; a++) {
        const struct place_agent *agent = &place->agents[a];
        const struct place_cell *cell = place_cell(place, endpoint, a);
        struct spot spot = {a, cell->warmth, cell->wish,
                            gpus_each > 0 ? agent->cards_left[type] : 0, agent->slots_left};
        bool has_room =
            agent->is_open && !cell->is_barred && agent->slots_left > 0 && spot.cards >= gpus_each;
        if (has_room && (best.agent == NOWHERE || is_better(&spot, &best, gpus_each > 0)) &&
            (gpus_each == 0 || has_cards(place, a, endpoint))) {
            best = spot;
        }
    }
    return best.agent;
}

static size_t find_room(const struct place *place, size_t index)
{
    const struct place_endpoint *endpoint = &place->endpoints[index];
    size_t agent = endpoint->gpus_each == 0 ? find_agent(place, index, PLACE_TYPES_MAX) : NOWHERE;
    for (size_t i = 0; endpoint->gpus_each > 0 && i < endpoint->type_count && agent == NOWHERE;
         i++) {
        agent = find_agent(place, index, endpoint->types[i]);
    }
    return agent;
}

static bool is_needier(const struct place_endpoint *a, const struct place_endpoint *b)
{
    if (a->is_starving != b->is_starving) {
        return a->is_starving;
    }
    return (a->placed + 1) * turn_weight(b) < (b->placed + 1) * turn_weight(a);
}

static size_t find_needy(const struct place *place, const bool *is_stuck)
{
    size_t best = NOWHERE;
    for (size_t e = 0; e < place->endpoint_count; e++) {
        const struct place_endpoint *endpoint = &place->endpoints[e];
        if (!is_stuck[e] && endpoint->placed + endpoint->given_up < endpoint->want &&
            (best == NOWHERE || is_needier(endpoint, &place->endpoints[best]))) {
            best = e;
        }
    }
    return best;
}

static void put(struct place *place, size_t endpoint, size_t agent)
{
    place_cell(place, endpoint, agent)->wish++;
    place->endpoints[endpoint].placed++;
    place->endpoints[endpoint].is_starving = false;
    turn_count_left(place, agent);
}

static void fill(struct place *place)
{
    count_left(place);
    AUTO(free) void *memory = xcalloc(place->endpoint_count + 1, sizeof(bool));
    bool *is_stuck = memory; /* there is no room for one more, and none to be had */
    size_t e;
    while ((e = find_needy(place, is_stuck)) != NOWHERE) {
        size_t a = find_room(place, e);
        if (a == NOWHERE && turn_make_room(place, e, &a)) {
            memset(is_stuck, 0, place->endpoint_count * sizeof(bool)); /* more may be free now */
        }
        if (a == NOWHERE) {
            is_stuck[e] = true;
        } else {
            put(place, e, a);
        }
    }
}

bool place_fits_somewhere(const struct place *place, size_t index)
{
    for (size_t a = 0; a < place->agent_count; a++) {
        int64_t cards[PLACE_TYPES_MAX];
        memcpy(cards, place->agents[a].cards, sizeof(cards));
        if (place->agents[a].is_open && place->agents[a].slots > 0 &&
            !place_cell(place, index, a)->is_barred && turn_draw(&place->endpoints[index], cards)) {
            return true;
        }
    }
    return false;
}
