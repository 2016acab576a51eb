/* A table of allowed moves for things that live long. The `state` field is assigned nowhere but in
 * sm_move(): a move that the table does not allow is a programmer error and aborts. */
#ifndef BASE_SM_H
#define BASE_SM_H

#include <stdint.h>

struct sm {
    const char *name;               /* "slot" */
    const char *const *state_names; /* by state */
    const uint32_t *moves;          /* by state: bit set of the states it may move to */
    unsigned state_count;
};

#define SM_TO(state) (UINT32_C(1) << (state))

/* Logs one debug line for each move; who names the object. */
void sm_move(const struct sm *sm, unsigned *state, unsigned to, const char *who);

#endif
