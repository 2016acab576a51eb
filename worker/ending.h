/* The last step of a held job: after its last chunk the result, or its loss, is stored, however
 * long Redis is away; then the watchers are told and the job is forgotten. */
#ifndef WORKER_ENDING_H
#define WORKER_ENDING_H

#include "base/buf.h"

struct held;
typedef void (*ending_fn)(void *arg); /* stored, or given up for good */

enum ending_kind { ENDING_COMPLETED, ENDING_FAILED, ENDING_LOST };

/* members is moved out of the caller's buffer; done may be NULL. The job leaves its slot at once.
 */
void ending_start(struct held *held, enum ending_kind kind, struct buf *members);
void ending_on_stored(struct held *held, ending_fn fn, void *arg);
void ending_detach(struct held *held);  /* the one who waits has gone */
void ending_flushed(struct held *held); /* called by the stream when it is empty */
void ending_free(struct held *held);

#endif
