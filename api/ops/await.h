/* Waiting for a job's end on behalf of a parked client: /runsync and /status-sync. */
#ifndef API_OPS_AWAIT_H
#define API_OPS_AWAIT_H

#include "op.h"

#define AWAIT_MS_DEFAULT 90000
#define AWAIT_MS_MAX 300000

/* Joins the watchers of op->id and answers with the job object: the final one as soon as there is
 * one, the current one when the time is over or the node drains. Until await_look() nothing reads.
 */
void await_begin(struct op *op);
/* op->id has become another job's: waits for that one. */
void await_move(struct op *op);
/* Reads the state now; op->call must be idle. rate: what this reading counts against. */
void await_look(struct op *op, const struct rate *rate);

#endif
