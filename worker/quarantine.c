/* Siblings that fail too say that the inputs are bad, or all the machine; then nobody is singled
 * out.
 */
#include "quarantine.h"

void quarantine_success(struct streak *streak, struct tally *all)
{
    all->completed++;
    *streak = (struct streak){0};
}

void quarantine_failure(struct streak *streak, struct tally *all)
{
    if (streak->failures == 0) {
        streak->before = *all;
    }
    streak->failures++;
    all->failed++;
}

bool quarantine_is_due(const struct streak *streak, const struct tally *all)
{
    uint64_t completed = all->completed - streak->before.completed;
    uint64_t failed = all->failed - streak->before.failed;
    return streak->failures >= QUARANTINE_FAILURES && completed >= QUARANTINE_FAILURES &&
           failed == streak->failures;
}
