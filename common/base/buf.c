/* Growable bytes: doubling growth, hard maximum, sticky overflow. Behind the capacity is one byte
 * more, for the terminator that formatting writes. */
#include "base/buf.h"

#include <stdio.h>

#include "base/json_bytes.h"

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_done(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->is_over = false;
}

void buf_consume(struct buf *buf, size_t len)
{
    ensure(len <= buf->len);
    buf->len -= len;
    if (buf->len > 0) {
        memmove(buf->ptr, buf->ptr + len, buf->len);
    }
}

enum err buf_reserve(struct buf *buf, size_t more)
{
    size_t max = buf->max ? buf->max : BUF_MAX_DEFAULT;
    if (more > max || buf->len > max - more) {
        buf->is_over = true;
        return ERR_TOO_LARGE;
    }
    size_t need = buf->len + more;
    if (need <= buf->cap) {
        return ERR_OK;
    }
    size_t cap = buf->cap ? buf->cap * 2 : 256;
    cap = cap < need ? need : cap;
    cap = cap > max ? max : cap;
    buf->ptr = xrealloc(buf->ptr, cap + 1);
    buf->cap = cap;
    return ERR_OK;
}

enum err buf_put_i64(struct buf *buf, int64_t value)
{
    char digits[24];
    char *at = digits + sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        *--at = '-';
    }
    return buf_put(buf, at, (size_t)(digits + sizeof(digits) - at));
}

enum err buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    ensure(len >= 0);
    enum err err = buf_reserve(buf, (size_t)len);
    if (err == ERR_OK && len > 0) {
        (void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    return err;
}

enum err buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum err err = buf_vprintf(buf, format, args);
    va_end(args);
    return err;
}

bool buf_is_over(const struct buf *buf)
{
    return buf->is_over;
}

struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->ptr, buf->len};
}

char *buf_take_str(struct buf *buf)
{
    char *text = xrealloc(buf->ptr, buf->len + 1);
    text[buf->len] = '\0';
    *buf = (struct buf){.max = buf->max};
    return text;
}

static enum err put_escaped(struct buf *buf, unsigned char c)
{
    static const char shorts[] = "btn\0fr";
    char text[8];
    if (c == '"' || c == '\\') {
        (void)snprintf(text, sizeof(text), "\\%c", c);
    } else if (c >= 8 && c <= 13 && shorts[c - 8] != '\0') {
        (void)snprintf(text, sizeof(text), "\\%c", shorts[c - 8]);
    } else {
        (void)snprintf(text, sizeof(text), "\\u%04x", c);
    }
    return buf_put_str(buf, text);
}

/* Beyond plain ASCII only control bytes, quotes and backslashes need a second look. */
static const char *skip_unescaped(const char *at, const char *end)
{
    const uint8_t *from = (const uint8_t *)at, *limit = (const uint8_t *)end;
    do {
        from = json_skip_plain(from, limit);
    } while (from < limit && *from >= 0x80 && ++from < limit);
    return (const char *)from;
}

enum err buf_put_json_str(struct buf *buf, struct slice text)
{
    const char *at = text.ptr, *end = at + text.len;
    enum err err = buf_put_char(buf, '"');
    while (at < end && err == ERR_OK) {
        const char *stop = skip_unescaped(at, end);
        err = buf_put(buf, at, (size_t)(stop - at));
        if (stop < end && err == ERR_OK) {
            err = put_escaped(buf, (unsigned char)*stop++);
        }
        at = stop;
    }
    return err == ERR_OK ? buf_put_char(buf, '"') : err;
}

enum err buf_put_excerpt(struct buf *buf, struct slice text, size_t max)
{
    size_t len = text.len;
    if (len > max) {
        for (len = max; len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80;) {
            len--;
        }
    }
    enum err err = ERR_OK;
    for (size_t i = 0; i < len && err == ERR_OK; i++) {
        bool is_control = (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f;
        err = buf_put_char(buf, is_control ? '?' : text.ptr[i]);
    }
    return err;
}
