/* Which cards each agent may give: every card once, by type. No I/O. */
#ifndef SCHEDULER_CARDS_H
#define SCHEDULER_CARDS_H

#include "roster.h"

/* Counts again when agents have come, gone or changed. */
void cards_count(struct roster *roster);
/* The types an endpoint may use, in its order; any when it names none. */
void cards_types_of(const struct roster *roster, const struct endpoint *conf,
                    struct place_endpoint *endpoint);

#endif
