/* Whether an endpoint whose starts die may start another. Pure; times are Redis ms.
 *
 * Closed until BREAKER_DEATHS starts in a row have died before their first take; then one try at a
 * time, each after a longer pause, until one of them takes a job. */
#ifndef SCHEDULER_BREAKER_H
#define SCHEDULER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_DEATHS 3
#define BREAKER_PAUSE_MS 10000
#define BREAKER_PAUSE_MAX_MS 300000

enum breaker {
    BREAKER_CLOSED,
    BREAKER_OPEN,  /* nothing may start */
    BREAKER_CANARY /* one may */
};

struct breaker_input {
    int64_t deaths;    /* in a row, of the present release */
    int64_t last_ms;   /* when the last one died */
    int64_t ready_ms;  /* when the youngest worker took its first poll; 0: none is there */
    int64_t pardon_ms; /* the owner has applied the document (again); 0: never */
    int64_t now_ms;
};

enum breaker breaker(const struct breaker_input *input);
/* From the last death to the next try. */
int64_t breaker_pause_ms(int64_t deaths);

#endif
