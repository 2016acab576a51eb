/* Answers of the API: JSON bodies, errors in one shape. */
#ifndef API_REPLY_H
#define API_REPLY_H

#include "net/http.h"

/* {"error": text, "title": reason phrase, "detail": text}; err decides the status. detail NULL: the
 * text of err. No integer "status": an SDK would take it for the job's. */
void reply_error_body(struct buf *out, enum err err, const char *detail);
void reply_error(struct http_request *request, enum err err, const char *detail);
/* headers: complete lines, may be empty. Under /v1/ the text is in "message", too, as in RunPod's
 * management API. */
void reply_error_headers(struct http_request *request, enum err err, const char *detail,
                         struct slice headers);
void reply_json(struct http_request *request, int status, struct slice body);

#endif
