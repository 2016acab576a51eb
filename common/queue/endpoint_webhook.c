/* The secret that webhooks are signed with. Its value is never repeated in a refusal. */
#include "base/digest.h"
#include "queue/endpoint_read.h"

/* After "whsec_" in base64 (Standard Webhooks), else the text itself. */
static enum err put_key(struct slice secret, struct buf *out)
{
    const struct slice prefix = SLICE("whsec_");
    return slice_starts(secret, prefix) ? digest_base64_decode(slice_from(secret, prefix.len), out)
                                        : buf_put_slice(out, secret);
}

enum err endpoint_read_webhook_secret(struct reader *reader, const cJSON *value)
{
    AUTO(buf_done) struct buf key = BUF_INIT;
    if (!reader_is_text(value, 512) || put_key(slice_of(value->valuestring), &key) != ERR_OK ||
        key.len < WEBHOOK_SECRET_MIN) {
        return reader_refuse(
            reader, "webhookSecret", NULL,
            "use \"whsec_\" and base64 of at least 16 bytes, or a text of 16 to 512 "
            "bytes");
    }
    free(reader->endpoint->webhook_secret);
    reader->endpoint->webhook_secret = xstrdup(value->valuestring);
    return ERR_OK;
}

void endpoint_put_webhook_key(const struct endpoint *endpoint, struct buf *out)
{
    if (endpoint->webhook_secret != NULL) {
        (void)put_key(slice_of(endpoint->webhook_secret), out);
    }
}
