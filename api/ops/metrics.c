/* GET /metrics: what this node has done, as Prometheus text. Without a key on loopback. */
#include "base/metrics.h"

#include "meter.h"
#include "ops/ops.h"

void metrics_put_node(struct buf *out, const struct node *node)
{
    meter_put(node->meter, out);
    metrics_head(out, "millrace_http_connections", "gauge", "Connections that are open.");
    metrics_put(out, "millrace_http_connections", METRICS_NO_LABELS,
                (double)http_server_connections(node->server));
    metrics_head(out, "millrace_store_ready", "gauge", "1 while Redis can be asked.");
    metrics_put(out, "millrace_store_ready", METRICS_NO_LABELS,
                store_is_ready(node->store) ? 1 : 0);
}

void metrics_start(struct op *op)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    metrics_put_node(&body, op->node);
    op_reply(op, &(struct http_answer){.status = 200,
                                       .content_type = METRICS_CONTENT_TYPE,
                                       .body = buf_slice(&body)});
}
