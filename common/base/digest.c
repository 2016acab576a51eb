/* Thin names over OpenSSL libcrypto. */
#include "base/digest.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
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

void digest_hmac_base64(struct slice key, const struct slice *pieces, size_t count,
                        char out[DIGEST_HMAC_BASE64_SIZE])
{
    static const char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *kind = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(kind);
    unsigned char raw[32];
    size_t len = 0;
    ensure(EVP_MAC_init(mac, (const unsigned char *)(key.ptr ? key.ptr : ""), key.len, params) ==
           1);
    for (size_t i = 0; i < count; i++) {
        const char *bytes = pieces[i].ptr ? pieces[i].ptr : "";
        ensure(EVP_MAC_update(mac, (const unsigned char *)bytes, pieces[i].len) == 1);
    }
    ensure(EVP_MAC_final(mac, raw, &len, sizeof(raw)) == 1 && len == sizeof(raw));
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(kind);
    ensure(EVP_EncodeBlock((unsigned char *)out, raw, (int)len) == DIGEST_HMAC_BASE64_SIZE - 1);
}

static bool is_base64(struct slice text)
{
    size_t padding = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                        (c >= '0' && c <= '9') || c == '+' || c == '/';
        padding += c == '=' ? 1 : 0;
        if ((!is_digit && c != '=') || (is_digit && padding > 0)) {
            return false;
        }
    }
    return text.len % 4 == 0 && padding <= 2;
}

enum err digest_base64_decode(struct slice text, struct buf *out)
{
    if (!is_base64(text) || text.len > INT_MAX) {
        return ERR_BAD_REQUEST;
    }
    enum err err = buf_reserve(out, text.len / 4 * 3);
    if (err != ERR_OK || text.len == 0) {
        return err;
    }
    int len = EVP_DecodeBlock((unsigned char *)out->ptr + out->len, (const unsigned char *)text.ptr,
                              (int)text.len);
    ensure(len >= 0);
    out->len += (size_t)len;
    for (size_t i = text.len; i > 0 && text.ptr[i - 1] == '='; i--) {
        out->len--; /* EVP_DecodeBlock counts padding as zeros */
    }
    return ERR_OK;
}
