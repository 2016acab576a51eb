/* llhttp as a second opinion on a complete request head.
 *
 * The head has already been cut into lines and slices by http_parse.c, strictly. llhttp, the
 * grammar of Node.js, then has to agree that it is a request: known method, target, names, lengths.
 * It is stopped where the head ends, so that it never sees a body. Versions 8.1 and 9 both do.
 *
 * This file includes no http.h: llhttp.h has other constants by the same names. */
#include <llhttp.h>

#include "base/slice.h"

enum err http_judge(struct slice head, const char **ret_detail);

static int stop_at_end(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

enum err http_judge(struct slice head, const char **ret_detail)
{
    static llhttp_settings_t settings;
    settings.on_headers_complete = stop_at_end;
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    llhttp_errno_t verdict = llhttp_execute(&parser, head.ptr, head.len);
    if (verdict == HPE_PAUSED) {
        return ERR_OK;
    }
    *ret_detail = verdict == HPE_INVALID_METHOD ? "unknown method" : "malformed request head";
    return ERR_BAD_REQUEST;
}
