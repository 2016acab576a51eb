/* The plane's route ping: which jobs the process has, and whether it is well. */
#ifndef WORKER_PING_H
#define WORKER_PING_H

#include "net/http.h"
#include "url.h"

struct slot;
void ping_request(struct slot *slot, struct http_request *request, const struct url *url);

#endif
