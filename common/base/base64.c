/* Three bytes become four characters; the last group is filled up with '='. */
#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_group(char *out, const unsigned char *in, size_t count)
{
    uint32_t word = (uint32_t)in[0] << 16;
    word |= count > 1 ? (uint32_t)in[1] << 8 : 0;
    word |= count > 2 ? (uint32_t)in[2] : 0;
    out[0] = digits[word >> 18];
    out[1] = digits[(word >> 12) & 63];
    out[2] = digits[(word >> 6) & 63];
    out[3] = digits[word & 63];
    for (size_t i = count + 1; i < 4; i++) {
        out[i] = '=';
    }
}

enum err base64_put(struct buf *out, const void *bytes, size_t len)
{
    const unsigned char *in = bytes;
    enum err err = len > BUF_MAX_DEFAULT ? ERR_TOO_LARGE : buf_reserve(out, (len + 2) / 3 * 4);
    if (err != ERR_OK) {
        return err;
    }
    for (size_t at = 0; at < len; at += 3) {
        put_group(out->ptr + out->len, in + at, len - at < 3 ? len - at : 3);
        out->len += 4;
    }
    return ERR_OK;
}
