/* Room for one more worker at the cost of others. Pure; a part of place(), which see. */
#ifndef SCHEDULER_TURN_H
#define SCHEDULER_TURN_H

#include "place.h"

static inline int64_t turn_weight(const struct place_endpoint *endpoint)
{
    return endpoint->weight > 0 ? endpoint->weight : 1;
}
/* Takes the cards of one worker out of an agent's free ones; false, and none taken, when no type it
 * may use has enough. */
bool turn_draw(const struct place_endpoint *endpoint, int64_t *cards);
/* What its workers leave. */
void turn_count_left(struct place *place, size_t agent);
/* On one agent takes back as many workers as are in the way; false when that is not allowed or not
 * enough anywhere. */
bool turn_make_room(struct place *place, size_t endpoint, size_t *ret_agent);

#endif
