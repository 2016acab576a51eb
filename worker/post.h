/* The plane's routes job-done and job-stream. */
#ifndef WORKER_POST_H
#define WORKER_POST_H

#include "net/http.h"
#include "url.h"

#define POST_MAX ((size_t)64 << 20) /* body; longer results fail their job */

struct slot;
/* Decides on the head whether the body is wanted; answers when it is not. */
void post_head(struct slot *slot, struct http_request *request, const struct url *url);
void post_done_request(struct slot *slot, struct http_request *request, const struct url *url);
void post_stream_request(struct slot *slot, struct http_request *request, const struct url *url);

#endif
