/* SHA-256 for API keys, and the comparison that takes the same time whatever differs. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/slice.h"

#define DIGEST_HEX_SIZE 65 /* 64 digits and the terminator */

void digest_sha256_hex(struct slice text, char out[DIGEST_HEX_SIZE]);
void digest_sha1_hex(struct slice text, char out[41]); /* only to name scripts for EVALSHA */
bool digest_eq(struct slice a, struct slice b);        /* constant time for equal lengths */

#endif
