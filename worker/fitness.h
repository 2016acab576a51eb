/* millrace-worker --check-gpu: the fitness check by hand, one card after the other. */
#ifndef WORKER_FITNESS_H
#define WORKER_FITNESS_H

#include "cards.h"

#define FITNESS_NO_CARD 3 /* exit status: no card, or none can be checked */

struct fitness_spec {
    const struct cards_config *cards;
    struct keeper *keeper;
    const char *gpu; /* UUID or index; NULL: all */
    bool is_json;
};

/* Prints a line for each card; returns the exit status: 0 all are fit, 1 one is not, 2 there is no
 * such card, FITNESS_NO_CARD. */
int fitness_run(const struct fitness_spec *spec);

#endif
