/* How long `millrace up` waits before it starts an ended child again. Pure. */
#ifndef CLI_BACKOFF_H
#define CLI_BACKOFF_H

#include <stdint.h>

#define BACKOFF_MAX_MS 10000
#define BACKOFF_FORGET_MS 60000 /* a child that lived so long counts as well again */

/* ends: how often it has ended since it was last well, this time included (1 for the first). */
uint64_t backoff_ms(unsigned ends);

#endif
