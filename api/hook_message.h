/* What a delivery sends, and when it is tried again. Pure. */
#ifndef API_HOOK_MESSAGE_H
#define API_HOOK_MESSAGE_H

#include "base/buf.h"

#define HOOK_KEEP_MS 86400000   /* after the end of the job: no new tries */
#define HOOK_DELAY_MAX 14400000 /* longest pause between two tries */
#define HOOK_HEADERS 5

/* Header lines of Standard Webhooks; without a key there is no signature. */
struct hook_headers {
    char *lines[HOOK_HEADERS]; /* NULL-terminated */
};
void hook_headers_init(struct hook_headers *headers, struct slice name, int64_t now_s,
                       struct slice key, struct slice body);
void hook_headers_done(struct hook_headers *headers);

/* ms from the failed-th failure to the next try: twice `pause_ms`, then growing, with jitter from
 * `random`. */
int64_t hook_delay_ms(int64_t failed, int64_t pause_ms, uint32_t random);

#endif
