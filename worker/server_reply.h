/* What the answer of an HTTP server becomes for its job: chunks, output, error. Pure. */
#ifndef WORKER_SERVER_REPLY_H
#define WORKER_SERVER_REPLY_H

#include "base/buf.h"

/* Whether the answer is handed on piece by piece: event streams, lines of JSON, and what comes
 * without a length and is no JSON document. head: its header lines. */
bool server_reply_is_stream(struct slice head);
/* Bytes of `text` without the UTF-8 sequence that its end tears apart. */
size_t server_reply_whole(struct slice text);
/* Appends text as a JSON string; what is not UTF-8 becomes U+FFFD. */
void server_reply_put_text(struct buf *out, struct slice text);
/* `"output":...` of a whole answer: the body alone, JSON as it is and text as a string ... */
void server_reply_put_body(struct buf *members, struct slice body);
/* ... or {"status","headers","body"}, where a body that is no JSON is "text" or "base64". */
void server_reply_put_whole(struct buf *members, int status, struct slice head, struct slice body);
/* "the server answered HTTP 404 Not Found: BODY" */
void server_reply_put_error(struct buf *text, int status, struct slice body);

#endif
