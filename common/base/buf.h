/* A growable run of bytes with a hard maximum. Writes past the maximum are refused whole and
 * remembered, so a builder may write many pieces and check buf_is_over() once at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/slice.h"

#define BUF_MAX_DEFAULT ((size_t)256 << 20)

struct buf {
    char *ptr; /* owned; NULL until the first write */
    size_t len;
    /* private */
    size_t cap;
    size_t max; /* 0: BUF_MAX_DEFAULT */
    bool is_over;
};

#define BUF_INIT ((struct buf){0})

void buf_init(struct buf *buf, size_t max);
void buf_done(struct buf *buf); /* frees; the object may be used again afterwards */
AUTO_DEFINE_EMBEDDED(buf_done, struct buf)

void buf_clear(struct buf *buf);               /* empties, keeps the memory */
void buf_consume(struct buf *buf, size_t len); /* drops the first len bytes */
/* Room for at least `more` further bytes at buf->ptr + buf->len; ERR_TOO_LARGE past the maximum. */
enum err buf_reserve(struct buf *buf, size_t more);

/* Inline: most writes are of a few bytes into room that is there. */
static inline enum err buf_put(struct buf *buf, const void *bytes, size_t len)
{
    if (len > buf->cap - buf->len) {
        enum err err = buf_reserve(buf, len);
        if (err != ERR_OK) {
            return err;
        }
    }
    if (len > 0) {
        memcpy(buf->ptr + buf->len, bytes, len);
        buf->len += len;
    }
    return ERR_OK;
}

static inline enum err buf_put_slice(struct buf *buf, struct slice bytes)
{
    return buf_put(buf, bytes.ptr, bytes.len);
}

static inline enum err buf_put_str(struct buf *buf, const char *text)
{
    return buf_put(buf, text, strlen(text));
}

static inline enum err buf_put_char(struct buf *buf, char c)
{
    return buf_put(buf, &c, 1);
}

enum err buf_put_i64(struct buf *buf, int64_t value);
enum err buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum err buf_vprintf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
bool buf_is_over(const struct buf *buf);
struct slice buf_slice(const struct buf *buf); /* borrowed until the next write */
char *buf_take_str(struct buf *buf);           /* the bytes, terminated, now the caller's */

/* Appends text as a JSON string with its quotes; bytes below 0x20, '"' and '\' are escaped, the
 * rest (UTF-8) passes as it is. */
enum err buf_put_json_str(struct buf *buf, struct slice text);

/* Appends the beginning of UTF-8 text that came from outside, for a message: at most max bytes,
 * never half a character, control bytes as '?'. */
enum err buf_put_excerpt(struct buf *buf, struct slice text, size_t max);

#endif
