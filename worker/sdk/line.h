/* One keep-alive HTTP connection to the agent. Requests on it go one after the other; a line
 * belongs to one thread at a time. Two purposes never share a line, so that a result does not wait
 * behind a long poll. */
#ifndef SDK_LINE_H
#define SDK_LINE_H

#include "base/buf.h"
#include "bell.h"

struct line;

struct line_config {
    const char *key;         /* sent raw as Authorization; NULL or "": no such header. Borrowed */
    const struct bell *quit; /* ends an open request, or NULL. Borrowed */
    unsigned grace_ms;       /* how long a request may go on after quit rang */
};

struct line_request {
    const char *url;
    const char *request_id;   /* X-Request-ID, or NULL */
    const struct slice *body; /* JSON: makes it a POST; NULL: a GET */
    unsigned timeout_ms;
};

struct line_reply {
    long status;
    bool is_json;      /* Content-Type is application/json */
    struct slice body; /* borrowed until the next request on the line */
};

struct line *line_new(const struct line_config *config);
void line_free(struct line *line);
AUTO_DEFINE(line_free, struct line *)

/* Blocks until the answer is complete. Any HTTP status is ERR_OK. Else ERR_REFUSED, ERR_GONE (the
 * connection broke), ERR_REQUEST_TIMEOUT, ERR_TOO_LARGE (the answer) or ERR_CLOSING (quit rang). */
enum err line_send(struct line *line, const struct line_request *request,
                   struct line_reply *ret_reply);

#endif
