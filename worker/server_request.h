/* What a job asks of an HTTP server: its input, read as a request. Pure.
 *
 *   {"openai_route": "/v1/...", "openai_input": {...}}   POST, or GET without openai_input
 *   {"path": "/...", "method": "POST", "headers": {"Name": "value"}, "body": ...}
 *
 * A body that is a string is sent as its text, any other JSON as the bytes received.
 * Without "method" it is POST with a body and GET without. */
#ifndef WORKER_SERVER_REQUEST_H
#define WORKER_SERVER_REQUEST_H

#include "base/buf.h"

struct server_request {
    char *method, *path; /* path with its query */
    char **headers;      /* "Name: value", NULL-terminated */
    struct buf body;
    bool has_body;
    bool is_openai; /* the answer's body is the output, without status and headers */
};

/* members: what the queue stores of a job, `"input":...,...`. problem: one line. */
enum err server_request_read(struct slice members, struct server_request *ret_request,
                             struct buf *problem);
void server_request_done(struct server_request *request);
AUTO_DEFINE_EMBEDDED(server_request_done, struct server_request)

#endif
