/* GET /metrics: what this node has done, as Prometheus text. Without a key on loopback. */
#include "base/metrics.h"

#include "meter.h"
#include "ops/ops.h"

void metrics_start(struct op *op)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    meter_put(op->node->meter, &body);
    metrics_head(&body, "millrace_http_connections", "gauge", "Connections that are open.");
    metrics_put(&body, "millrace_http_connections", METRICS_NO_LABELS,
                (double)http_server_connections(op->node->server));
    metrics_head(&body, "millrace_store_ready", "gauge", "1 while Redis can be asked.");
    metrics_put(&body, "millrace_store_ready", METRICS_NO_LABELS,
                store_is_ready(op->node->store) ? 1 : 0);
    op_reply(op, &(struct http_answer){.status = 200,
                                       .content_type = METRICS_CONTENT_TYPE,
                                       .body = buf_slice(&body)});
}
