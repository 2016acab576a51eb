/* The loopback HTTP server of the handlers. */
#ifndef WORKER_PLANE_H
#define WORKER_PLANE_H

#include "net/http.h"

struct agent;
struct plane;

enum err plane_new(struct agent *agent, struct plane **ret_plane);
int plane_port(const struct plane *plane);
void plane_close(struct plane *plane);                                 /* accepts NULL */
bool plane_has_connection(const struct plane *plane, uint64_t number); /* it is still open */

/* Answers; the request is dead afterwards. */
void plane_answer(struct http_request *request, int status, struct slice body);
/* 503, with the reason, to come again; what has been sent behind it is not read. */
void plane_refuse(struct http_request *request, struct slice problem);
/* The same as plane_answer() after a delay, so that a handler that asks again at once does not
 * spin. */
void plane_answer_later(struct loop *loop, struct http_request *request, int status,
                        uint64_t delay_ms);

#endif
