/* Which agent runs how many workers of which endpoint. Pure and deterministic: indexes decide ties,
 * so the caller sorts agents and endpoints by id.
 *
 * Invariants (see tests/unit/scheduler/test_place.c):
 *   an open agent gets at most its slots, and its cards are given at most once; the cards of a
 *   worker are of one type and one machine; an endpoint gets at most what it wants; what runs stays
 *   where it runs unless it is too much, or barred, or it is another endpoint's turn. */
#ifndef SCHEDULER_PLACE_H
#define SCHEDULER_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACE_TYPES_MAX 16 /* card types in all; further ones are not used */

/* What a cell holds, in the order in which it goes. */
enum place_class {
    PLACE_MISSING, /* wished before, but nothing of it runs */
    PLACE_UNHEALTHY,
    PLACE_EXPIRED, /* idle for longer than the idle timeout */
    PLACE_WARM,    /* idle, stays until another endpoint needs the room */
    PLACE_IDLE,
    PLACE_STARTING,
    PLACE_BUSY,
    PLACE_CLASS_COUNT
};

struct place_agent {
    int64_t slots;
    int64_t cards[PLACE_TYPES_MAX]; /* by type */
    bool is_open; /* false: not heard of lately; keeps what it has and gets nothing new */
    /* private */
    int64_t slots_left, cards_left[PLACE_TYPES_MAX];
};

struct place_endpoint {
    int64_t want;
    int64_t gpus_each;              /* cards of one machine that each worker needs; 0: none */
    uint8_t types[PLACE_TYPES_MAX]; /* of these types, best first */
    size_t type_count;
    int64_t weight;   /* its part of what is scarce, at least 1 */
    int64_t min;      /* so many are never given up for others */
    bool is_starving; /* wants a worker and has had none for a turn */
    bool has_had_turn;
    int64_t placed;   /* result: sum of its cells' wishes */
    int64_t given_up; /* result: how many others got in its stead */
};

struct place_cell {
    int64_t present[PLACE_CLASS_COUNT]; /* used up by place() */
    int64_t warm_ms;                    /* since when its longest idle warm worker is idle */
    int warmth;                         /* what a new worker needs is at hand: more is better */
    bool is_barred;                     /* the endpoint must not run there */
    int64_t wish;                       /* result */
};

struct place {
    struct place_agent *agents;
    size_t agent_count;
    struct place_endpoint *endpoints;
    size_t endpoint_count;
    struct place_cell *cells; /* endpoint * agent_count + agent */
};

void place(struct place *place);
struct place_cell *place_cell(const struct place *place, size_t endpoint, size_t agent);
/* Could an empty machine among the agents run one of its workers? */
bool place_fits_somewhere(const struct place *place, size_t endpoint);

#endif
