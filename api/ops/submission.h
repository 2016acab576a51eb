/* The body of /run and /runsync, checked and cut into what the queue stores. Pure. */
#ifndef API_OPS_SUBMISSION_H
#define API_OPS_SUBMISSION_H

#include "queue/endpoint.h"
#include "queue/queue.h"

#define EXECUTION_MS_MIN 5000
#define EXECUTION_MS_MAX 604800000
#define TTL_MS_MIN 10000
#define TTL_MS_MAX 604800000

/* Fills members (bytes as received, in the body itself or written to `members`), class, timeouts,
 * limits and webhook (still a JSON string, to be checked) of ret_args; id, token and watcher are
 * the caller's. problem: one line. */
enum err submission_parse(struct slice body, const struct endpoint *endpoint,
                          struct submit_args *ret_args, struct buf *members, struct buf *problem);

#endif
