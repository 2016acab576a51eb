/* The body of POST /v1/keys: what is asked for, checked. Pure. */
#ifndef API_OPS_KEY_REQUEST_H
#define API_OPS_KEY_REQUEST_H

#include "base/buf.h"

/* {"name", "scopes", "expiresAt"?} -> `"name":...,"scopes":{...}` and `,"expiresAt":ms` when given,
 * the members of the key's record. now_ms: wall clock; an end before it is refused. problem: one
 * line that names the member, its value and what is allowed. */
enum err key_request_parse(struct slice body, int64_t now_ms, struct buf *members,
                           struct buf *problem);

#endif
