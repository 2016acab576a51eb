/* At once the first time, because most ends are a crash or a kill that a fresh process does not
 * repeat; then half a second, doubling up to 10 s. No jitter: one supervisor starts one child. */
#include "backoff.h"

#define FIRST_MS 500

uint64_t backoff_ms(unsigned ends)
{
    if (ends <= 1) {
        return 0;
    }
    uint64_t delay_ms = FIRST_MS;
    for (unsigned i = 2; i < ends && delay_ms < BACKOFF_MAX_MS; i++) {
        delay_ms *= 2;
    }
    return delay_ms < BACKOFF_MAX_MS ? delay_ms : BACKOFF_MAX_MS;
}
