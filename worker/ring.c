/* A plain byte ring; the reader copies the end out, so no line is ever stored as such. */
#include "ring.h"

void ring_done(struct ring *ring)
{
    free(ring->bytes);
    *ring = (struct ring){0};
}

void ring_put(struct ring *ring, struct slice bytes)
{
    if (ring->bytes == NULL) {
        ring->bytes = xmalloc(RING_SIZE);
    }
    if (bytes.len > RING_SIZE) {
        bytes = slice_from(bytes, bytes.len - RING_SIZE);
    }
    for (size_t done = 0; done < bytes.len;) {
        size_t end = (ring->start + ring->len) % RING_SIZE;
        size_t run = bytes.len - done < RING_SIZE - end ? bytes.len - done : RING_SIZE - end;
        memcpy(ring->bytes + end, bytes.ptr + done, run);
        done += run;
        ring->len += run;
        if (ring->len > RING_SIZE) {
            ring->start = (ring->start + ring->len - RING_SIZE) % RING_SIZE;
            ring->len = RING_SIZE;
        }
    }
}

static char ring_at(const struct ring *ring, size_t index)
{
    return ring->bytes[(ring->start + index) % RING_SIZE];
}

/* Where the tail begins when its bytes are cut inside a line: behind that line, if more follows. */
static size_t whole_line(const struct ring *ring, size_t start, size_t end)
{
    bool is_cut = start > 0 && ring_at(ring, start - 1) != '\n';
    for (size_t at = start; is_cut && at < end; at++) {
        if (ring_at(ring, at) == '\n') {
            return at + 1;
        }
    }
    return start;
}

void ring_tail(const struct ring *ring, size_t lines, size_t bytes_max, struct buf *out)
{
    size_t end = ring->len;
    while (end > 0 && (ring_at(ring, end - 1) == '\n' || ring_at(ring, end - 1) == '\r')) {
        end--;
    }
    size_t start = end;
    for (size_t seen = 0; start > 0 && end - start < bytes_max; start--) {
        if (ring_at(ring, start - 1) == '\n' && ++seen == lines) {
            break;
        }
    }
    start = whole_line(ring, start, end);
    AUTO(buf_done) struct buf raw = BUF_INIT;
    for (size_t i = start; i < end; i++) {
        buf_put_char(&raw, ring_at(ring, i));
    }
    text_clean(buf_slice(&raw), out);
}

/* Length of the valid UTF-8 sequence at the start of text, 0 when there is none. */
static size_t utf8_len(struct slice text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (len == 0 || at[0] > 0xF4 || len > text.len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool is_overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool is_beyond = (at[0] == 0xED && at[1] > 0x9F) || (at[0] == 0xF4 && at[1] > 0x8F);
    return is_overlong || is_beyond ? 0 : len;
}

void text_clean(struct slice text, struct buf *out)
{
    while (text.len > 0) {
        size_t len = utf8_len(text);
        bool is_control = len == 1 && ((unsigned char)text.ptr[0] < 0x20 || text.ptr[0] == 0x7F) &&
                          text.ptr[0] != '\n' && text.ptr[0] != '\t';
        if (len == 0 || is_control) {
            buf_put_char(out, '?');
            len = 1;
        } else {
            buf_put(out, text.ptr, len);
        }
        text = slice_from(text, len);
    }
}
