/* Whether a card may be used, from what is read of it. Pure.
 *
 *   well ── lost, Xid, ECC error, unfit, memory held ──▶ in trouble ──▶ well, checked anew
 *
 * A lost card is well when it answers again, held memory when it is free; after any other trouble
 * the card is tried again after a pause that doubles with each trouble. */
#ifndef WORKER_GPU_HEALTH_H
#define WORKER_GPU_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum health_trouble {
    HEALTH_WELL,
    HEALTH_LOST,  /* it does not answer: off the bus, or in need of a reset */
    HEALTH_XID,   /* the driver reported an error that is not a program's */
    HEALTH_ECC,   /* memory errors that could not be corrected */
    HEALTH_HELD,  /* nobody computes on it, and its memory is in use */
    HEALTH_UNFIT, /* it failed the fitness check */
    HEALTH_TROUBLE_COUNT
};

struct gpu_reading {
    bool is_lost;
    unsigned xid;      /* the latest since the reading before; 0: none */
    int64_t ecc;       /* uncorrected errors since the driver was loaded; -1: not told */
    int64_t held;      /* bytes in use; -1: not told */
    int64_t processes; /* that compute on it; -1: not told */
    uint64_t round;    /* grows with each look */
};

struct health_rules {
    int64_t held_max;  /* bytes that a card nobody computes on may hold */
    uint64_t retry_ms; /* first pause after a trouble */
};

/* Zeroed memory is a card that is well and has not been checked. */
struct gpu_health {
    enum health_trouble trouble;
    char reason[160];
    int64_t since_ms; /* wall clock; of the trouble */
    bool is_checked;  /* since its last trouble */
    bool is_settling; /* its process has just ended: not to be given before a reading */
    /* private */
    uint64_t trouble_ms, due_ms, settle_ms; /* loop time */
    uint64_t settle_round;                  /* the first reading that counts */
    unsigned tries;                         /* troubles in a row */
    int64_t ecc;                            /* errors that are known */
    bool is_read;
};

/* Its process has ended; readings before that round do not tell what it left. */
void health_settle(struct gpu_health *health, uint64_t round, uint64_t now_ms);
/* is_used: a process of ours has it, or it is being checked. True when the trouble has changed. */
bool health_read(struct gpu_health *health, const struct health_rules *rules,
                 const struct gpu_reading *reading, bool is_used, uint64_t now_ms);
/* The fitness check has passed, or none is needed; it has failed. */
void health_pass(struct gpu_health *health);
void health_fail(struct gpu_health *health, const struct health_rules *rules,
                 enum health_trouble why, const char *reason, uint64_t now_ms);
bool health_wants_check(const struct gpu_health *health, uint64_t now_ms);
bool health_is_usable(const struct gpu_health *health);
const char *health_name(enum health_trouble trouble); /* "lost" */
/* Xid errors that a program causes by itself; the card stays good. */
bool health_is_program_xid(unsigned xid);

#endif
