/* What API nodes and the gates of agents agree on. */
#ifndef NET_GATE_H
#define NET_GATE_H

#define GATE_WORKER "X-Millrace-Worker"
#define GATE_SECRET "X-Millrace-Secret"
#define GATE_BODY_MAX ((size_t)30 << 20)
#define GATE_TIMEOUT_MS 330000 /* 5.5 minutes for a request, as RunPod has it */

/* WebSockets, once they are open, have no such limit. */
#define GATE_IDLE_MS 600000 /* without a byte either way; clients send pings more often */

#endif
