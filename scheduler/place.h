/* Which agent runs how many workers of which endpoint. Pure and deterministic: indexes decide ties,
 * so the caller sorts agents and endpoints by id.
 *
 * Invariants (see tests/unit/scheduler/test_place.c):
 *   an open agent gets at most its slots, and its GPUs are given at most once; an endpoint gets at
 *   most what it wants; what runs stays where it runs unless it is too much. */
#ifndef SCHEDULER_PLACE_H
#define SCHEDULER_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a cell holds, in the order in which it goes. */
enum place_class {
    PLACE_MISSING, /* wished before, but nothing of it runs */
    PLACE_UNHEALTHY,
    PLACE_EXPIRED, /* idle for longer than the idle timeout */
    PLACE_IDLE,
    PLACE_STARTING,
    PLACE_BUSY,
    PLACE_CLASS_COUNT
};

struct place_agent {
    int64_t slots, gpus;
    bool is_open; /* false: not heard of lately; keeps what it has and gets nothing new */
};

struct place_endpoint {
    int64_t want;
    int64_t gpus_each; /* GPUs of one machine that each worker needs; 0: none */
    int64_t placed;    /* result: sum of its cells' wishes */
};

struct place_cell {
    int64_t present[PLACE_CLASS_COUNT]; /* used up by place() */
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

#endif
