/* An endpoint as /v1/endpoints shows it: the stored document and what the store knows beside it. */
#ifndef API_OPS_ENDPOINT_ANSWER_H
#define API_OPS_ENDPOINT_ANSWER_H

#include "op.h"
#include "queue/queue_manage.h"

#define ENDPOINT_SECRET_MASK \
    "***" /* stands for webhookSecret; an update with it keeps the old one */

/* What the request asks for: `?includeWorkers=true`. */
enum describe_what endpoint_answer_what(const struct op *op);
/* Appends the document with "version" and, when asked for, "workers". */
void endpoint_answer_put(struct buf *out, const struct endpoint_view *view,
                         enum describe_what what);

#endif
