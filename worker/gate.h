/* Where API nodes bring the requests of load-balancing endpoints: an HTTP server that passes them
 * on to the HTTP servers of this agent's slots. Whoever knocks names the worker and the agent's
 * secret (GATE_WORKER, GATE_SECRET), which API nodes know from Redis. */
#ifndef WORKER_GATE_H
#define WORKER_GATE_H

#include "base/buf.h"
#include "base/list.h"
#include "net/gate.h"

struct agent;
struct gate;
struct server;

/* host_port: where to listen; port 0 picks one. problem: why it cannot. */
enum err gate_new(struct agent *agent, const char *host_port, struct gate **ret_gate,
                  struct buf *problem);
void gate_close(struct gate *gate); /* accepts NULL */
/* {"address":"HOST:PORT","secret":"..."} for the agent's description. */
void gate_put_json(const struct gate *gate, struct buf *out);
/* Its worker takes nothing new: WebSockets have a while to end. */
void gate_drain(struct server *server);
/* The server's process has ended: its requests go on without it, to their own end. */
void gate_forget(struct server *server);

#endif
