/* A trouble that was found later replaces one that was there, but for a lost card: what is read of
 * one that does not answer means nothing. */
#include "gpu/health.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"

#define SETTLE_MS 3000    /* the driver takes its time to free what a killed process had */
#define DOUBLINGS_MAX 6   /* 30 s become half an hour */
#define FORGET_MS 3600000 /* so long without trouble, and the next one counts as the first */

static const char *const names[] = {
    [HEALTH_WELL] = "well", [HEALTH_LOST] = "lost", [HEALTH_XID] = "xid",
    [HEALTH_ECC] = "ecc",   [HEALTH_HELD] = "held", [HEALTH_UNFIT] = "unfit",
};
static_assert(COUNT_OF(names) == HEALTH_TROUBLE_COUNT, "each trouble has a name");

bool health_is_program_xid(unsigned xid)
{
    static const unsigned harmless[] = {13, 31, 43, 45, 68, 69, 109};
    for (size_t i = 0; i < COUNT_OF(harmless); i++) {
        if (harmless[i] == xid) {
            return true;
        }
    }
    return false;
}

static bool is_retried(enum health_trouble trouble)
{
    return trouble == HEALTH_XID || trouble == HEALTH_ECC || trouble == HEALTH_UNFIT;
}

void health_fail(struct gpu_health *health, const struct health_rules *rules,
                 enum health_trouble why, const char *reason, uint64_t now_ms)
{
    if (health->tries > 0 && now_ms - health->trouble_ms > FORGET_MS) {
        health->tries = 0;
    }
    unsigned doublings = health->tries < DOUBLINGS_MAX ? health->tries : DOUBLINGS_MAX;
    health->trouble = why;
    (void)snprintf(health->reason, sizeof(health->reason), "%s", reason);
    health->since_ms = clock_wall_ms();
    health->trouble_ms = now_ms;
    health->is_checked = why == HEALTH_HELD && health->is_checked;
    if (is_retried(why)) {
        health->due_ms = now_ms + (rules->retry_ms << doublings);
        health->tries++;
    }
}

static void recover(struct gpu_health *health)
{
    health->trouble = HEALTH_WELL;
    health->reason[0] = '\0';
}

void health_pass(struct gpu_health *health)
{
    recover(health);
    health->is_checked = true;
}

void health_settle(struct gpu_health *health, uint64_t round, uint64_t now_ms)
{
    health->is_settling = true;
    health->settle_round = round;
    health->settle_ms = now_ms + SETTLE_MS;
}

bool health_wants_check(const struct gpu_health *health, uint64_t now_ms)
{
    return health->trouble == HEALTH_WELL ? !health->is_checked
                                          : is_retried(health->trouble) && now_ms >= health->due_ms;
}

bool health_is_usable(const struct gpu_health *health)
{
    return health->trouble == HEALTH_WELL && health->is_checked && !health->is_settling;
}

const char *health_name(enum health_trouble trouble)
{
    ensure((size_t)trouble < COUNT_OF(names));
    return names[trouble];
}

/* ---- what a reading says ---- */

static bool read_errors(struct gpu_health *health, const struct health_rules *rules,
                        const struct gpu_reading *reading, uint64_t now_ms)
{
    char reason[sizeof(health->reason)];
    int64_t known = health->is_read ? health->ecc : reading->ecc;
    health->ecc = reading->ecc;
    health->is_read = true;
    if (reading->xid != 0 && !health_is_program_xid(reading->xid)) {
        (void)snprintf(reason, sizeof(reason), "the driver reported Xid %u", reading->xid);
        health_fail(health, rules, HEALTH_XID, reason, now_ms);
        return true;
    }
    if (reading->ecc > known && known >= 0) {
        (void)snprintf(reason, sizeof(reason),
                       "%" PRId64 " memory errors that could not be corrected",
                       reading->ecc - known);
        health_fail(health, rules, HEALTH_ECC, reason, now_ms);
        return true;
    }
    return false;
}

static bool read_held(struct gpu_health *health, const struct health_rules *rules,
                      const struct gpu_reading *reading, bool is_used, uint64_t now_ms)
{
    bool is_held = !is_used && reading->processes == 0 && reading->held > rules->held_max;
    bool is_early =
        reading->round < health->settle_round || (is_held && now_ms < health->settle_ms);
    if (health->is_settling && is_early) {
        return false;
    }
    health->is_settling = false;
    if (is_held && health->trouble == HEALTH_WELL) {
        char reason[sizeof(health->reason)];
        (void)snprintf(reason, sizeof(reason), "%" PRId64 " MB of its memory are held by nobody",
                       reading->held >> 20);
        health_fail(health, rules, HEALTH_HELD, reason, now_ms);
        return true;
    }
    if (!is_held && health->trouble == HEALTH_HELD) {
        recover(health);
        return true;
    }
    return false;
}

bool health_read(struct gpu_health *health, const struct health_rules *rules,
                 const struct gpu_reading *reading, bool is_used, uint64_t now_ms)
{
    bool was_lost = health->trouble == HEALTH_LOST;
    if (reading->is_lost) {
        health->is_settling = false;
        if (!was_lost) {
            health_fail(health, rules, HEALTH_LOST,
                        "it does not answer: off the bus, or to be reset", now_ms);
        }
        return !was_lost;
    }
    if (was_lost) {
        recover(health);
    }
    bool has_failed = read_errors(health, rules, reading, now_ms);
    return read_held(health, rules, reading, is_used, now_ms) || has_failed || was_lost;
}
