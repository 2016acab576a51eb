/* Ids: a pool of kernel randomness, because a system call for each job is measurable. */
#include "base/id.h"

#include <errno.h>
#include <sys/random.h>

static struct {
    unsigned char bytes[2048];
    size_t left;
} pool;

static void pool_fill(void)
{
    size_t got = 0;
    while (got < sizeof(pool.bytes)) {
        ssize_t more = getrandom(pool.bytes + got, sizeof(pool.bytes) - got, 0);
        ensure(more > 0 || errno == EINTR);
        got += more > 0 ? (size_t)more : 0;
    }
    pool.left = sizeof(pool.bytes);
}

void id_random(void *bytes, size_t len)
{
    ensure(len <= sizeof(pool.bytes));
    if (pool.left < len) {
        pool_fill();
    }
    unsigned char *from = pool.bytes + sizeof(pool.bytes) - pool.left;
    memcpy(bytes, from, len);
    memset(from, 0, len); /* a core dump shall not show ids handed out */
    pool.left -= len;
}

static char *put_hex(char *out, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

void id_uuid(char out[ID_UUID_SIZE])
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    unsigned char bytes[16];
    id_random(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    const unsigned char *from = bytes;
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        out = put_hex(out, from, groups[i]);
        from += groups[i];
        *out++ = i + 1 < COUNT_OF(groups) ? '-' : '\0';
    }
}

void id_hex(char *out, size_t bytes)
{
    unsigned char raw[64];
    ensure(bytes <= sizeof(raw));
    id_random(raw, bytes);
    *put_hex(out, raw, bytes) = '\0';
}

void id_alnum(char *out, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    const unsigned even = 256 - 256 % (sizeof(letters) - 1); /* bytes beyond would favour some */
    size_t at = 0;
    while (at < len) {
        unsigned char byte;
        id_random(&byte, 1);
        if (byte < even) {
            out[at++] = letters[byte % (sizeof(letters) - 1)];
        }
    }
    out[len] = '\0';
}

bool id_is_valid(struct slice id)
{
    static const bool may_be_in_id[256] = {['a' ... 'z'] = true,
                                           ['A' ... 'Z'] = true,
                                           ['0' ... '9'] = true,
                                           ['-'] = true,
                                           ['_'] = true};
    bool is_good = id.len > 0 && id.len <= ID_MAX;
    for (size_t i = 0; i < id.len && is_good; i++) {
        is_good = may_be_in_id[(unsigned char)id.ptr[i]];
    }
    return is_good;
}
