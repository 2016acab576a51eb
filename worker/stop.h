/* Makes handlers let go of jobs that nobody wants any more (cancelled, timed out, taken away). */
#ifndef WORKER_STOP_H
#define WORKER_STOP_H

#include "net/http.h"
#include "url.h"

struct held;
struct slot;
struct agent;
void stop_job(struct held *held); /* harmless when it is stopped or ending already */
/* A message of the agent's channel: "stop ID ATTEMPT". */
void stop_message(struct agent *agent, struct slice id, int64_t attempt);
/* The plane's route job-stop. */
void stop_request(struct slot *slot, struct http_request *request, const struct url *url);
/* The handler says that it works on none of its jobs any more. */
void stop_release(struct slot *slot);

#endif
