/* GET /metrics on a port of its own, for whoever can reach it. */
#ifndef NET_EXPORTER_H
#define NET_EXPORTER_H

#include "base/buf.h"
#include "net/loop.h"

/* Appends all metrics; called for each request. */
typedef void (*exporter_fn)(struct buf *out, void *arg);

struct exporter;
/* address: "HOST:PORT". */
enum err exporter_new(struct loop *loop, const char *address, exporter_fn fn, void *arg,
                      struct exporter **ret_exporter);
void exporter_close(struct exporter *exporter); /* accepts NULL */

#endif
