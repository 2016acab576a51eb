/* One shape for every error, whoever finds it. */
#include "reply.h"

void reply_error_body(struct buf *out, enum err err, const char *detail)
{
    struct slice text = slice_of(detail != NULL ? detail : err_text(err));
    (void)buf_put_str(out, "{\"error\":");
    (void)buf_put_json_str(out, text);
    (void)buf_put_str(out, ",\"title\":");
    (void)buf_put_json_str(out, slice_of(http_reason(err_http_status(err))));
    (void)buf_put_str(out, ",\"detail\":");
    (void)buf_put_json_str(out, text);
    (void)buf_put_char(out, '}');
}

void reply_error_headers(struct http_request *request, enum err err, const char *detail,
                         struct slice headers)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    reply_error_body(&body, err, detail);
    http_reply(request, &(struct http_answer){.status = err_http_status(err),
                                              .headers = headers,
                                              .body = buf_slice(&body)});
}

void reply_error(struct http_request *request, enum err err, const char *detail)
{
    int status = err_http_status(err);
    reply_error_headers(request, err, detail,
                        status == 429 || status == 503 ? SLICE("Retry-After: 2\r\n") : SLICE(""));
}

void reply_json(struct http_request *request, int status, struct slice body)
{
    http_reply(request, &(struct http_answer){.status = status, .body = body});
}
