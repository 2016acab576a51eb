/* Thin names over OpenSSL libcrypto. */
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

static void digest_hex(const EVP_MD *kind, struct slice text, char *out)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    ensure(EVP_Digest(text.ptr ? text.ptr : "", text.len, raw, &len, kind, NULL) == 1);
    for (unsigned i = 0; i < len; i++) {
        (void)snprintf(out + (size_t)i * 2, 3, "%02x", raw[i]);
    }
}

void digest_sha256_hex(struct slice text, char out[DIGEST_HEX_SIZE])
{
    digest_hex(EVP_sha256(), text, out);
}

void digest_sha1_hex(struct slice text, char out[41])
{
    digest_hex(EVP_sha1(), text, out);
}

bool digest_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
