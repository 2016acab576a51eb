/* Mending is lexical: strings get their bytes repaired, outside them the three words that Python
 * writes for numbers JSON cannot hold become null, all else is copied. Whether the result is JSON
 * is then the scanner's to say; when it is not, `out` is as it was before. */
#include "base/json_inner.h"

/* How many bytes one U+FFFD stands for: the longest start of a valid sequence, at least one. */
static size_t broken_len(const uint8_t *at, const uint8_t *end)
{
    /* The second byte decides over overlong forms, surrogates and the end of Unicode. */
    uint8_t low = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    size_t whole = at[0] < 0xc2 || at[0] > 0xf4 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    size_t left = (size_t)(end - at);
    if (whole < 2 || left < 2 || at[1] < low || at[1] > high) {
        return 1;
    }
    size_t len = 2;
    while (len < whole && len < left && json_is_continuation(at[len])) {
        len++;
    }
    return len;
}

/* at: a byte of a string that is not plain, not its closing quote. */
static const uint8_t *mend_special(const uint8_t *at, const uint8_t *end, struct buf *out)
{
    if (*at == '\\') { /* with what it escapes: \" does not end the string, no escape is made up */
        size_t len = end - at >= 2 ? 2 : 1;
        (void)buf_put(out, at, len);
        return at + len;
    }
    if (*at < 0x20) {
        (void)buf_printf(out, "\\u%04x", *at);
        return at + 1;
    }
    const uint8_t *after = json_skip_utf8(at, end);
    if (after != NULL) {
        (void)buf_put(out, at, (size_t)(after - at));
        return after;
    }
    (void)buf_put_str(out, "\xef\xbf\xbd");
    return at + broken_len(at, end);
}

/* at: the opening quote. */
static const uint8_t *mend_string(const uint8_t *at, const uint8_t *end, struct buf *out)
{
    (void)buf_put_char(out, '"');
    at++;
    while (at < end && *at != '"') {
        const uint8_t *run = json_skip_plain(at, end);
        (void)buf_put(out, at, (size_t)(run - at));
        at = run < end && *run != '"' ? mend_special(run, end, out) : run;
    }
    if (at < end) {
        (void)buf_put_char(out, '"');
        at++;
    }
    return at;
}

/* at: outside strings; past a word that stands for null, or NULL when there is none. */
static const uint8_t *word_end(const uint8_t *at, const uint8_t *end)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    struct slice rest = {(const char *)at, (size_t)(end - at)};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (slice_starts(rest, slice_of(words[i]))) {
            return at + strlen(words[i]);
        }
    }
    return NULL;
}

/* Up to the next string or word. */
static const uint8_t *mend_outside(const uint8_t *at, const uint8_t *end, struct buf *out)
{
    const uint8_t *from = at;
    const uint8_t *word = NULL;
    while (at < end && *at != '"') {
        bool may_start = *at == 'N' || *at == 'I' || *at == '-';
        word = may_start ? word_end(at, end) : NULL;
        if (word != NULL) {
            break;
        }
        at++;
    }
    (void)buf_put(out, from, (size_t)(at - from));
    if (word == NULL) {
        return at;
    }
    (void)buf_put_str(out, "null");
    return word;
}

/* Errors of the buffer are sticky, so one look at the end is enough. */
enum err json_mend(struct slice text, struct buf *out)
{
    size_t start = out->len;
    const uint8_t *at = (const uint8_t *)(text.ptr ? text.ptr : "");
    const uint8_t *end = at + text.len;
    while (at < end && !buf_is_over(out)) {
        at = *at == '"' ? mend_string(at, end, out) : mend_outside(at, end, out);
    }
    enum err err = buf_is_over(out) ? ERR_TOO_LARGE : ERR_OK;
    if (err == ERR_OK) {
        err = json_check(slice_from(buf_slice(out), start), NULL, NULL);
    }
    if (err != ERR_OK) {
        out->len = start;
    }
    return err;
}
