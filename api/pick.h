/* Which worker a request of a load-balancing endpoint goes to. Pure. */
#ifndef API_PICK_H
#define API_PICK_H

#include "base/slice.h"

/* The header X-Runpod-Worker-Id of a request: absent, "ID", "strict ID" or "strict-resume ID". */
struct affinity {
    struct slice worker; /* empty: any */
    bool is_strict;      /* that one or none */
};
struct affinity affinity_read(struct slice header);

struct candidate {
    struct slice worker;
    size_t in_flight; /* requests at it */
    uint64_t turn;    /* grows with each pick; 0: never picked */
    bool is_ready;    /* in rotation, and not found away a moment ago */
    bool is_gone;     /* the agents no longer know it */
};

enum pick_outcome {
    PICK_FOUND,
    PICK_WAIT, /* none is ready now */
    PICK_GONE  /* the one that is asked for will never be */
};
/* The wanted one if it is ready, else, unless strict, the ready one with the fewest requests; of
 * equal ones the one whose last turn is longest ago. */
enum pick_outcome pick(const struct candidate *candidates, size_t count,
                       const struct affinity *affinity, size_t *ret_index);

#endif
