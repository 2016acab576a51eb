/* Standard Webhooks: the signature covers "ID.TIMESTAMP.BODY". The id is the same in every try of
 * one end of a job, so a receiver can drop what it has seen. */
#include "hook_message.h"

#include "base/digest.h"

#define QUICK_TRIES 3 /* RunPod's */
#define BACKOFF_FACTOR 6

void hook_headers_init(struct hook_headers *headers, struct slice name, int64_t now_s,
                       struct slice key, struct slice body)
{
    size_t count = 0;
    *headers = (struct hook_headers){0};
    AUTO_STR time = xasprintf("%lld", (long long)now_s);
    headers->lines[count++] = xstrdup("Content-Type: application/json");
    headers->lines[count++] = xasprintf("webhook-id: %.*s", SLICE_ARG(name));
    headers->lines[count++] = xasprintf("webhook-timestamp: %s", time);
    if (key.len > 0) {
        const struct slice pieces[] = {name, SLICE("."), slice_of(time), SLICE("."), body};
        char signature[DIGEST_HMAC_BASE64_SIZE];
        digest_hmac_base64(key, pieces, COUNT_OF(pieces), signature);
        headers->lines[count++] = xasprintf("webhook-signature: v1,%s", signature);
    }
    ensure(count < HOOK_HEADERS);
}

void hook_headers_done(struct hook_headers *headers)
{
    for (size_t i = 0; i < HOOK_HEADERS; i++) {
        free(headers->lines[i]);
    }
    *headers = (struct hook_headers){0};
}

int64_t hook_delay_ms(int64_t failed, int64_t pause_ms, uint32_t random)
{
    if (failed < QUICK_TRIES) {
        return pause_ms;
    }
    int64_t delay = pause_ms * BACKOFF_FACTOR;
    for (int64_t i = QUICK_TRIES; i < failed && delay < HOOK_DELAY_MAX; i++) {
        delay *= 2;
    }
    delay = delay < HOOK_DELAY_MAX ? delay : HOOK_DELAY_MAX;
    return delay - delay / 5 + (int64_t)(random % (uint32_t)(2 * (delay / 5) + 1));
}
