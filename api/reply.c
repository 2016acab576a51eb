/* One shape for every error, whoever finds it. */
#include "reply.h"

static void put_error(struct buf *out, enum err err, struct slice text)
{
    (void)buf_put_str(out, "{\"error\":");
    (void)buf_put_json_str(out, text);
    (void)buf_put_str(out, ",\"title\":");
    (void)buf_put_json_str(out, slice_of(http_reason(err_http_status(err))));
    (void)buf_put_str(out, ",\"detail\":");
    (void)buf_put_json_str(out, text);
}

static struct slice text_of(enum err err, const char *detail)
{
    return slice_of(detail != NULL ? detail : err_text(err));
}

void reply_error_body(struct buf *out, enum err err, const char *detail)
{
    put_error(out, err, text_of(err, detail));
    (void)buf_put_char(out, '}');
}

void reply_error_headers(struct http_request *request, enum err err, const char *detail,
                         struct slice headers)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    put_error(&body, err, text_of(err, detail));
    if (slice_starts(request->path, SLICE("/v1/"))) {
        (void)buf_put_str(&body, ",\"message\":");
        (void)buf_put_json_str(&body, text_of(err, detail));
    }
    (void)buf_put_char(&body, '}');
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
