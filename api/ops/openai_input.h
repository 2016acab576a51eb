/* A request to /v2/EP/openai/REST, read. Pure. */
#ifndef API_OPS_OPENAI_INPUT_H
#define API_OPS_OPENAI_INPUT_H

#include "base/buf.h"

/* What follows "/openai" in the path of a request to endpoint ep, with its slash. */
struct slice openai_rest(struct slice path, struct slice ep);
/* Appends `"input":{"openai_route":...,"openai_input":...}`: the body's bytes as received, the
 * query at the end of the route. problem: one line. */
enum err openai_input_read(struct slice rest, struct slice query, struct slice body,
                           bool *ret_is_stream, struct buf *members, struct buf *problem);
/* The list of models, or one of them when rest is "/v1/models/NAME". models: NULL-terminated.
 * ERR_NOT_FOUND: neither. */
enum err openai_models_put(struct slice rest, const char *const *models, struct buf *out);

#endif
