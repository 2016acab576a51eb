/* The one error type of Millrace. Every fallible function returns enum err, ERR_OK is 0; results
 * leave through trailing ret_x parameters, written only on success. The list with text, HTTP status
 * and whether a later try may succeed is err.tbl.h. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err {
#define ERR(name, status, retryable, text) ERR_##name,
#include "base/err.tbl.h"
#undef ERR
    ERR_COUNT
};

const char *err_name(enum err err);  /* "NOT_FOUND" */
const char *err_text(enum err err);  /* a sentence for people */
int err_http_status(enum err err);   /* 200 for ERR_OK */
bool err_is_retryable(enum err err); /* may the same call succeed later? */
enum err err_from_errno(int number); /* the nearest entry; ERR_IO when none is nearer */

/* Always-on check of programmer errors: arguments, states, exactly-once. Never on bytes from a
 * socket, Redis, a handler or a driver: those are enum err. */
#define ensure(condition) \
    ((condition) ? (void)0 : ensure_failed(#condition, __FILE__, __LINE__, __func__))
_Noreturn void ensure_failed(const char *condition, const char *file, int line, const char *func);

#endif
