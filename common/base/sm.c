/* The one place where states change. */
#include "base/sm.h"

#include "base/err.h"
#include "base/log.h"

void sm_move(const struct sm *sm, unsigned *state, unsigned to, const char *who)
{
    ensure(*state < sm->state_count && to < sm->state_count);
    if ((sm->moves[*state] & SM_TO(to)) == 0) {
        log_error("sm.forbidden", "machine=%s who=%s from=%s to=%s", sm->name, who,
                  sm->state_names[*state], sm->state_names[to]);
    }
    ensure((sm->moves[*state] & SM_TO(to)) != 0);
    log_debug("sm.move", "machine=%s who=%s from=%s to=%s", sm->name, who, sm->state_names[*state],
              sm->state_names[to]);
    *state = to;
}
