/* Whose turn is it?
 *
 *   warm workers (idleTimeout 0)   go to whoever needs the room, the one idle longest first
 *   share                          an endpoint gives one up when it still has no less for its
 *                                  weight than the other one with one more
 *   starving                       an endpoint that has had no worker for a turn gets one from one
 *                                  that has had a turn, whatever their shares: with more endpoints
 *                                  than room they take turns
 *
 * Nobody goes below workersMin. What is given up drains: a busy worker ends its job first, and
 * until then the state leads to the same decision each second. All cards of a worker must come
 * together on one agent, so it is tried for each agent, and the cheapest attempt counts. */
#include "turn.h"

#include <string.h>

#include "base/alloc.h"

/* What making room on one agent costs, and how far an attempt has come. */
struct attempt {
    size_t agent;
    int64_t count, worst; /* workers taken back; the dearest class among them */
    int64_t warm_ms;      /* idle since, of the last warm one */
    struct {
        size_t endpoint;
        enum place_class class;
    } taken[64];
};

static int64_t taken_of(const struct attempt *attempt, size_t endpoint, enum place_class class)
{
    int64_t count = 0;
    for (int64_t i = 0; i < attempt->count; i++) {
        count += attempt->taken[i].endpoint == endpoint && attempt->taken[i].class == class;
    }
    return count;
}

static int64_t taken_from(const struct attempt *attempt, size_t endpoint)
{
    int64_t count = 0;
    for (int64_t i = 0; i < attempt->count; i++) {
        count += attempt->taken[i].endpoint == endpoint;
    }
    return count;
}

static bool must_give(const struct place_endpoint *from, const struct place_endpoint *to,
                      int64_t left)
{
    if (left < from->min) {
        return false;
    }
    return (to->is_starving && from->has_had_turn) ||
           left * turn_weight(to) >= (to->placed + 1) * turn_weight(from);
}

/* Which class the endpoint would give up next on this agent; PLACE_CLASS_COUNT: none. */
static enum place_class next_class(const struct place *place, const struct attempt *attempt,
                                   size_t from, size_t to)
{
    const struct place_cell *cell = place_cell(place, from, attempt->agent);
    const struct place_endpoint *endpoint = &place->endpoints[from];
    int64_t left = endpoint->placed - taken_from(attempt, from) - 1;
    bool gives = must_give(endpoint, &place->endpoints[to], left);
    for (unsigned class = 0; class < PLACE_CLASS_COUNT; class ++) {
        bool is_there = cell->present[class] > taken_of(attempt, from, (enum place_class) class);
        if (is_there && (gives || (class == PLACE_WARM && left >= endpoint->min))) {
            return (enum place_class) class;
        }
    }
    return PLACE_CLASS_COUNT;
}

/* Without cards it can only give a slot. */
static bool helps(const struct place_endpoint *from, const struct place_endpoint *to,
                  const struct attempt *attempt, int64_t slots_left)
{
    bool lacks_slot = slots_left + attempt->count <= 0;
    return lacks_slot || (to->gpus_each > 0 && from->gpus_each > 0);
}

/* Dearer classes later; of equal ones the longest idle, then the largest share. */
static bool take_one(const struct place *place, struct attempt *attempt, size_t to)
{
    size_t best = SIZE_MAX;
    enum place_class best_class = PLACE_CLASS_COUNT;
    int64_t slots_left = place->agents[attempt->agent].slots_left;
    for (size_t e = 0; e < place->endpoint_count; e++) {
        const struct place_endpoint *from = &place->endpoints[e];
        enum place_class class = e == to || !helps(from, &place->endpoints[to], attempt, slots_left)
                                     ? PLACE_CLASS_COUNT
                                     : next_class(place, attempt, e, to);
        bool is_better = class < best_class;
        if (class == best_class && class == PLACE_WARM) {
            is_better = place_cell(place, e, attempt->agent)->warm_ms <
                        place_cell(place, best, attempt->agent)->warm_ms;
        } else if (class == best_class && class < PLACE_CLASS_COUNT) {
            is_better = from->placed * turn_weight(&place->endpoints[best]) >
                        place->endpoints[best].placed * turn_weight(from);
        }
        best = is_better ? e : best;
        best_class = is_better ? class : best_class;
    }
    if (best == SIZE_MAX || attempt->count == (int64_t)COUNT_OF(attempt->taken)) {
        return false;
    }
    attempt->taken[attempt->count].endpoint = best;
    attempt->taken[attempt->count++].class = best_class;
    attempt->worst = (int64_t)best_class > attempt->worst ? (int64_t)best_class : attempt->worst;
    attempt->warm_ms = place_cell(place, best, attempt->agent)->warm_ms;
    return true;
}

/* Is there a slot, and are there cards for all that stay and one more, once those taken are gone?
 */
static bool has_room(const struct place *place, const struct attempt *attempt, size_t to)
{
    const struct place_agent *agent = &place->agents[attempt->agent];
    int64_t cards[PLACE_TYPES_MAX];
    bool is_enough = agent->slots_left + attempt->count > 0;
    memcpy(cards, agent->cards, sizeof(cards));
    for (size_t e = 0; e < place->endpoint_count; e++) {
        int64_t count = place_cell(place, e, attempt->agent)->wish - taken_from(attempt, e);
        for (count += e == to; count > 0; count--) {
            is_enough = turn_draw(&place->endpoints[e], cards) && is_enough;
        }
    }
    return is_enough;
}

static bool try_agent(const struct place *place, struct attempt *attempt, size_t to)
{
    int64_t all[PLACE_TYPES_MAX];
    memcpy(all, place->agents[attempt->agent].cards, sizeof(all));
    if (!place->agents[attempt->agent].is_open ||
        place_cell(place, to, attempt->agent)->is_barred ||
        !turn_draw(&place->endpoints[to], all)) {
        return false;
    }
    while (!has_room(place, attempt, to)) {
        if (!take_one(place, attempt, to)) {
            return false;
        }
    }
    return true;
}

static bool is_less(const struct attempt *a, const struct attempt *b)
{
    if (a->worst != b->worst) {
        return a->worst < b->worst;
    }
    return a->count != b->count ? a->count < b->count : a->warm_ms < b->warm_ms;
}

static void apply(struct place *place, const struct attempt *attempt)
{
    for (int64_t i = 0; i < attempt->count; i++) {
        size_t e = attempt->taken[i].endpoint;
        struct place_cell *cell = place_cell(place, e, attempt->agent);
        cell->present[attempt->taken[i].class]--;
        cell->wish--;
        place->endpoints[e].placed--;
        place->endpoints[e].given_up++;
    }
    turn_count_left(place, attempt->agent);
}

bool turn_make_room(struct place *place, size_t endpoint, size_t *ret_agent)
{
    struct attempt best = {.agent = SIZE_MAX};
    for (size_t a = 0; a < place->agent_count; a++) {
        struct attempt attempt = {.agent = a};
        bool is_possible = try_agent(place, &attempt, endpoint);
        if (is_possible && (best.agent == SIZE_MAX || is_less(&attempt, &best))) {
            best = attempt;
        }
    }
    if (best.agent == SIZE_MAX) {
        return false;
    }
    apply(place, &best);
    *ret_agent = best.agent;
    return true;
}
