/* SHA-256 for API keys, HMAC for webhooks, and the comparison that takes the same time whatever
 * differs. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/buf.h"

#define DIGEST_HEX_SIZE 65 /* 64 digits and the terminator */

void digest_sha256_hex(struct slice text, char out[DIGEST_HEX_SIZE]);
void digest_sha1_hex(struct slice text, char out[41]); /* only to name scripts for EVALSHA */
bool digest_eq(struct slice a, struct slice b);        /* constant time for equal lengths */

#define DIGEST_HMAC_BASE64_SIZE 45 /* 44 characters and the terminator */
/* HMAC-SHA256 of the pieces one after the other, in base64. */
void digest_hmac_base64(struct slice key, const struct slice *pieces, size_t count,
                        char out[DIGEST_HMAC_BASE64_SIZE]);
/* Appends the decoded bytes; ERR_BAD_REQUEST for what is not padded standard base64. */
enum err digest_base64_decode(struct slice text, struct buf *out);

#endif
