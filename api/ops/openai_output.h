/* What a worker answered, as an OpenAI client reads it. Pure. */
#ifndef API_OPS_OPENAI_OUTPUT_H
#define API_OPS_OPENAI_OUTPUT_H

#include "base/buf.h"

/* Appends what the client gets of a value in a stream: a string is its bytes, of a list each
 * element in turn, anything else one event "data: ...". *is_wrapped becomes true with the last
 * kind: then the stream has no end of its own and needs OPENAI_DONE. */
void openai_put_piece(struct buf *out, struct slice value, bool *is_wrapped);
#define OPENAI_DONE "data: [DONE]\n\n"
/* The "output" of a chunk or of a job object; empty when absent. */
struct slice openai_output(struct slice object);
/* Appends the body of a whole answer: the only element of a list instead of the list, and a text
 * that is a JSON object as this object. */
void openai_put_whole(struct buf *out, struct slice output);

#endif
