/* The clocks. Durations and timers use the monotonic one; wall time is only for people and logs.
 * Times of jobs are Redis TIME, taken inside the scripts. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_us(void);
uint64_t clock_mono_ms(void);
int64_t clock_wall_ms(void);

#endif
