/* The pause is 10 s x 2^k, at most 5 min, with k one more than the deaths so far: 160 s after the
 * third, then 300 s. A smaller first step would not keep a handler that can never start below six
 * starts in ten minutes. Whoever has corrected it need not wait: another release has no deaths, and
 * applying a document with the same one (also with another workersMax) allows one try. */
#include "breaker.h"

int64_t breaker_pause_ms(int64_t deaths)
{
    int64_t pause_ms = BREAKER_PAUSE_MS;
    for (int64_t k = 0; k <= deaths && pause_ms < BREAKER_PAUSE_MAX_MS; k++) {
        pause_ms *= 2;
    }
    return pause_ms < BREAKER_PAUSE_MAX_MS ? pause_ms : BREAKER_PAUSE_MAX_MS;
}

enum breaker breaker(const struct breaker_input *in)
{
    if (in->deaths < BREAKER_DEATHS || in->ready_ms > in->last_ms) {
        return BREAKER_CLOSED;
    }
    bool is_due = in->now_ms - in->last_ms >= breaker_pause_ms(in->deaths);
    return is_due || in->pardon_ms >= in->last_ms ? BREAKER_CANARY : BREAKER_OPEN;
}
