/* The plane's route ping: which jobs the process has, and whether it is well. */
#ifndef WORKER_PING_H
#define WORKER_PING_H

#include "net/http.h"
#include "url.h"

struct slot;
void ping_request(struct slot *slot, struct http_request *request, const struct url *url);

/* Pure: whether the absence of a job from the pings of that SDK version ("1.12.0") means that the
 * process no longer works on it. */
bool ping_lists_are_sound(struct slice version);

#endif
