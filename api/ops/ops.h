/* The operations, one file each; named in route.c. Each starts with the body complete and ends by
 * an op_reply*(). */
#ifndef API_OPS_OPS_H
#define API_OPS_OPS_H

#include "op.h"

void run_start(struct op *op);
void runsync_start(struct op *op);
void status_start(struct op *op);
void status_sync_start(struct op *op);
void stream_start(struct op *op);
void events_start(struct op *op);
void cancel_start(struct op *op);
void retry_start(struct op *op);
void purge_start(struct op *op);
void webhook_read_start(struct op *op);
void webhook_redeliver_start(struct op *op);
void agents_start(struct op *op);
void autoscaler_start(struct op *op);
void requests_start(struct op *op);
void lb_start(struct op *op);
void openai_start(struct op *op);
void health_start(struct op *op);
void logs_start(struct op *op);
void metrics_start(struct op *op);
void healthz_start(struct op *op);
void endpoints_list_start(struct op *op);
void endpoints_create_start(struct op *op);
void endpoints_get_start(struct op *op);
void endpoints_update_start(struct op *op);
void endpoints_delete_start(struct op *op);
void keys_create_start(struct op *op);
void keys_list_start(struct op *op);
void keys_get_start(struct op *op);
void keys_revoke_start(struct op *op);

/* What GET /metrics answers, appended; also served on a port of its own (--metrics). */
void metrics_put_node(struct buf *out, const struct node *node);

#endif
