/* The loopback HTTP server of the handlers. */
#ifndef WORKER_PLANE_H
#define WORKER_PLANE_H

#include "net/http.h"

struct agent;
struct plane;

enum err plane_new(struct agent *agent, struct plane **ret_plane);
int plane_port(const struct plane *plane);
void plane_close(struct plane *plane); /* accepts NULL */

/* Answers; the request is dead afterwards. */
void plane_answer(struct http_request *request, int status, struct slice body);
/* The same after a delay, so that a handler that asks again at once does not spin. */
void plane_answer_later(struct loop *loop, struct http_request *request, int status,
                        uint64_t delay_ms);

#endif
