/* The chunked transfer coding, strictly: CRLF ends every line, sizes are plain hexadecimal digits,
 * extensions and trailers are bounded and thrown away. Written here and not left to llhttp, whose
 * packaged 8.1 takes bare line ends between chunks: a body's end must not be a matter of opinion.
 *
 *   SIZE -> [EXTENSION] -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *                             \ size 0 -> TRAILER_START -> TRAILER -> TRAILER_LF -> TRAILER_START
 *                                              \ empty line -> END_LF -> DONE
 *
 * One step function for each state takes as many bytes as it understands and says how many. */
#include "net/http_parse.h"

#define SIZE_DIGITS_MAX 15 /* fits an int64_t with room to add */
#define SIZE_LINE_MAX 256  /* size and extensions of one chunk */
#define TRAILERS_MAX 8192

enum {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER,
    TRAILER_LF,
    END_LF,
    DONE,
    STATE_COUNT
};

static enum err fault(struct http_chunks *chunks, const char *detail)
{
    chunks->detail = detail;
    return ERR_BAD_REQUEST;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_text(char c)
{
    return ((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t';
}

static enum err take_size(struct http_chunks *chunks, char c)
{
    int digit = digit_of(c);
    if (digit >= 0) {
        if (++chunks->digits > SIZE_DIGITS_MAX) {
            return fault(chunks, "chunk size too large");
        }
        chunks->left = chunks->left * 16 + (uint64_t)digit;
        return ERR_OK;
    }
    if (chunks->digits == 0 || (c != '\r' && c != ';')) {
        return fault(chunks, "malformed chunk size");
    }
    chunks->state = c == '\r' ? SIZE_LF : EXTENSION;
    return ERR_OK;
}

static enum err take_extension(struct http_chunks *chunks, char c)
{
    if (c == '\r') {
        chunks->state = SIZE_LF;
        return ERR_OK;
    }
    return is_text(c) ? ERR_OK : fault(chunks, "malformed chunk extension");
}

static enum err take_size_lf(struct http_chunks *chunks, char c)
{
    if (c != '\n') {
        return fault(chunks, "malformed chunk size line");
    }
    chunks->state = chunks->left > 0 ? DATA : TRAILER_START;
    chunks->framing_len = 0;
    return ERR_OK;
}

static enum err take_data_cr(struct http_chunks *chunks, char c)
{
    chunks->state = DATA_LF;
    return c == '\r' ? ERR_OK : fault(chunks, "chunk is longer than its size");
}

static enum err take_data_lf(struct http_chunks *chunks, char c)
{
    chunks->state = SIZE;
    chunks->digits = 0;
    chunks->framing_len = 0;
    return c == '\n' ? ERR_OK : fault(chunks, "malformed end of chunk");
}

static enum err take_trailer_start(struct http_chunks *chunks, char c)
{
    chunks->state = c == '\r' ? END_LF : TRAILER;
    return c == '\r' || (is_text(c) && c != ' ' && c != '\t') ? ERR_OK
                                                              : fault(chunks, "malformed trailer");
}

static enum err take_trailer(struct http_chunks *chunks, char c)
{
    if (c == '\r') {
        chunks->state = TRAILER_LF;
        return ERR_OK;
    }
    return is_text(c) ? ERR_OK : fault(chunks, "malformed trailer");
}

static enum err take_trailer_lf(struct http_chunks *chunks, char c)
{
    chunks->state = TRAILER_START;
    return c == '\n' ? ERR_OK : fault(chunks, "malformed trailer");
}

static enum err take_end_lf(struct http_chunks *chunks, char c)
{
    chunks->state = DONE;
    return c == '\n' ? ERR_OK : fault(chunks, "malformed end of body");
}

/* Framing goes byte by byte, data in runs. */
static enum err (*const framing[STATE_COUNT])(struct http_chunks *, char) = {
    [SIZE] = take_size,       [EXTENSION] = take_extension,   [SIZE_LF] = take_size_lf,
    [DATA_CR] = take_data_cr, [DATA_LF] = take_data_lf,       [TRAILER_START] = take_trailer_start,
    [TRAILER] = take_trailer, [TRAILER_LF] = take_trailer_lf, [END_LF] = take_end_lf,
};

static enum err take_framing(struct http_chunks *chunks, char c)
{
    size_t max = chunks->state >= TRAILER_START ? TRAILERS_MAX : SIZE_LINE_MAX;
    if (++chunks->framing_len > max) {
        return fault(chunks, "chunk extensions or trailers too large");
    }
    return framing[chunks->state](chunks, c);
}

/* As soon as a size is known, before any byte of its chunk. */
static enum err check_size(struct http_chunks *chunks, const struct http_chunk_feed *feed)
{
    if (chunks->state == DATA && chunks->left > feed->body_max - feed->body->len) {
        return ERR_TOO_LARGE;
    }
    return ERR_OK;
}

static enum err take_data(struct http_chunks *chunks, struct slice bytes,
                          struct http_chunk_feed *feed)
{
    size_t run = bytes.len < chunks->left ? bytes.len : (size_t)chunks->left;
    enum err err = buf_put(feed->body, bytes.ptr, run);
    if (err != ERR_OK) {
        return err;
    }
    feed->used += run;
    chunks->left -= run;
    if (chunks->left == 0) {
        chunks->state = DATA_CR;
    }
    return ERR_OK;
}

enum err http_chunks_feed(struct http_chunks *chunks, struct slice bytes,
                          struct http_chunk_feed *feed)
{
    ensure(feed->body->len <= feed->body_max);
    enum err err = ERR_OK;
    feed->used = 0;
    while (err == ERR_OK && feed->used < bytes.len && chunks->state != DONE) {
        if (chunks->state == DATA) {
            err = take_data(chunks, slice_from(bytes, feed->used), feed);
        } else {
            err = take_framing(chunks, bytes.ptr[feed->used++]);
            err = err == ERR_OK ? check_size(chunks, feed) : err;
        }
    }
    feed->is_complete = err == ERR_OK && chunks->state == DONE;
    return err;
}
