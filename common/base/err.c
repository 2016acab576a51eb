/* The error table and the always-on check. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    const char *text;
    int http_status;
    bool is_retryable;
} table[ERR_COUNT] = {
#define ERR(name, status, retryable, text) [ERR_##name] = {#name, text, status, retryable},
#include "base/err.tbl.h"
#undef ERR
};

const char *err_name(enum err err)
{
    return (unsigned)err < ERR_COUNT ? table[err].name : "UNKNOWN";
}

const char *err_text(enum err err)
{
    return (unsigned)err < ERR_COUNT ? table[err].text : "unknown error";
}

int err_http_status(enum err err)
{
    return (unsigned)err < ERR_COUNT ? table[err].http_status : 500;
}

bool err_is_retryable(enum err err)
{
    return (unsigned)err < ERR_COUNT && table[err].is_retryable;
}

enum err err_from_errno(int number)
{
    static const struct {
        int number;
        enum err err;
    } known[] = {
        {0, ERR_OK},
        {ENOSPC, ERR_NO_SPACE},
        {EDQUOT, ERR_NO_SPACE},
        {EADDRINUSE, ERR_IN_USE},
        {EADDRNOTAVAIL, ERR_NO_ADDRESS},
        {EACCES, ERR_NO_PERMISSION},
        {EPERM, ERR_NO_PERMISSION},
        {EROFS, ERR_NO_PERMISSION},
        {ECONNREFUSED, ERR_REFUSED},
        {ECONNRESET, ERR_GONE},
        {EPIPE, ERR_GONE},
        {ENOENT, ERR_NO_FILE},
        {ENOTDIR, ERR_NOT_FOLDER},
        {EISDIR, ERR_IS_FOLDER},
        {EFBIG, ERR_TOO_LARGE},
    };
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].number == number) {
            return known[i].err;
        }
    }
    return ERR_IO;
}

void ensure_failed(const char *condition, const char *file, int line, const char *func)
{
    (void)fprintf(stderr, "ensure failed: %s at %s:%d in %s\n", condition, file, line, func);
    abort();
}
