/* Errors as OpenAI's clients read them. Pure. */
#ifndef API_OPS_OPENAI_ERROR_H
#define API_OPS_OPENAI_ERROR_H

#include "base/buf.h"

/* {"error":{"message":...,"type":...,"param":null,"code":STATUS}} */
void openai_error_put(struct buf *out, int status, struct slice message);
/* The body for a failed job; returns the HTTP status. text: the job's error, as its worker wrote
 * it: an error in OpenAI's form (bare, in a text, or as Python prints a dict) keeps its message,
 * its status and where it can its bytes; else 500. */
int openai_error_of_job(struct buf *out, struct slice text);
/* The same for an output that is itself an error object; 0 when it is none. */
int openai_error_of_output(struct buf *out, struct slice output);
/* The status that a text names ("HTTP 404", "code: 400", "'status_code': 422", "NotFoundError"); 0
 * when it names none. */
int openai_error_status(struct slice text);

#endif
