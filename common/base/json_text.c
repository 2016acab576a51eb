/* What strings and numbers mean: code points, decoded strings, names of keys, whole numbers. The
 * public functions check the spelling first, so text that was never scanned is refused, not
 * misread. */
#include "base/json_inner.h"

#define EXPONENT_MAX (INT64_C(1) << 50) /* more than any text has digits */

static uint32_t hex_value(uint8_t c)
{
    return c <= '9' ? (uint32_t)c - '0' : (uint32_t)(c | 0x20) - 'a' + 10;
}

/* digits: the four behind "\u". */
static uint32_t hex_unit(const uint8_t *digits)
{
    return hex_value(digits[0]) << 12 | hex_value(digits[1]) << 8 | hex_value(digits[2]) << 4 |
           hex_value(digits[3]);
}

static uint32_t unicode_point(const uint8_t **at)
{
    const uint8_t *text = *at;
    uint32_t first = hex_unit(text + 2);
    *at = text + 6;
    if ((first & 0xfc00) != 0xd800 || text[6] != '\\' || text[7] != 'u') {
        return first;
    }
    uint32_t second = hex_unit(text + 8);
    if ((second & 0xfc00) != 0xdc00) {
        return first;
    }
    *at = text + 12;
    return 0x10000 + ((first & 0x3ff) << 10 | (second & 0x3ff));
}

uint32_t json_escaped_point(const uint8_t **at)
{
    static const uint8_t shorts[256] = {
        ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    uint8_t c = (*at)[1];
    if (c == 'u') {
        return unicode_point(at);
    }
    *at += 2;
    return shorts[c] ? shorts[c] : c;
}

uint32_t json_utf8_point(const uint8_t **at)
{
    const uint8_t *text = *at;
    unsigned more = text[0] < 0x80 ? 0 : text[0] < 0xe0 ? 1 : text[0] < 0xf0 ? 2 : 3;
    uint32_t point = more == 0 ? text[0] : text[0] & (0x3fu >> more);
    for (unsigned i = 1; i <= more; i++) {
        point = point << 6 | (text[i] & 0x3f);
    }
    *at = text + 1 + more;
    return point;
}

static bool same_text(struct slice key, const char *name)
{
    const uint8_t *left = (const uint8_t *)key.ptr + 1;
    const uint8_t *right = (const uint8_t *)name;
    while (*left != '"' && *right != '\0') {
        if (json_point(&left) != json_utf8_point(&right)) {
            return false;
        }
    }
    return *left == '"' && *right == '\0';
}

/* Mostly the first byte tells; only keys with an escape are decoded. */
bool json_key_is(struct slice key, const char *name)
{
    size_t len = key.len - 2;
    if ((len == 0 || key.ptr[1] == name[0]) && strncmp(key.ptr + 1, name, len) == 0) {
        return name[len] == '\0';
    }
    return memchr(key.ptr, '\\', key.len) != NULL && same_text(key, name);
}

static enum err put_point(struct buf *out, uint32_t point)
{
    uint8_t bytes[4];
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (uint8_t)(leads[len] | point);
    return buf_put(out, bytes, len);
}

static enum err put_escape(struct buf *out, const uint8_t **at)
{
    uint32_t point = json_escaped_point(at);
    bool is_lone = point >= 0xd800 && point <= 0xdfff;
    return put_point(out, is_lone ? 0xfffd : point);
}

enum err json_unquote(struct slice string, struct buf *out)
{
    const uint8_t *at = (const uint8_t *)string.ptr;
    if (string.len < 2 || json_string_end(at, at + string.len) != at + string.len) {
        return ERR_BAD_JSON;
    }
    size_t start = out->len;
    const uint8_t *end = at + string.len - 1;
    at++;
    enum err err = ERR_OK;
    while (at < end && err == ERR_OK) {
        const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
        const uint8_t *stop = escape != NULL ? escape : end;
        err = buf_put(out, at, (size_t)(stop - at));
        at = stop;
        if (err == ERR_OK && at < end) {
            err = put_escape(out, &at);
        }
    }
    out->len = err == ERR_OK ? out->len : start;
    return err;
}

/* --- whole numbers --- */

/* A number is its digits up to the last that is not 0, times a power of ten; it is whole when that
 * power is not negative. */
struct decimal {
    const char *first;
    const char *last; /* the last digit that is not 0; NULL: the number is 0 */
    int64_t shift;    /* the power of ten */
};

/* Cut at EXPONENT_MAX, which no length of digits makes up for. */
static int64_t exponent_of(const char *at, const char *end)
{
    bool is_negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    int64_t value = 0;
    for (; at < end && value < EXPONENT_MAX; at++) {
        value = value * 10 + (*at - '0');
    }
    return is_negative ? -value : value;
}

static struct decimal decimal_of(const char *at, const char *end)
{
    struct decimal decimal = {.first = at};
    const char *dot = NULL;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            dot = at;
        } else if (*at != '0') {
            decimal.last = at;
        }
    }
    if (decimal.last != NULL) {
        dot = dot != NULL ? dot : at;
        decimal.shift = dot - decimal.last - (dot > decimal.last ? 1 : 0);
        decimal.shift += at < end ? exponent_of(at + 1, end) : 0;
    }
    return decimal;
}

/* -value times ten, less the digit: accumulated negatively, so that the smallest value fits. */
static bool append_digit(int64_t *value, int digit)
{
    return !__builtin_mul_overflow(*value, 10, value) &&
           !__builtin_sub_overflow(*value, digit, value);
}

static bool decimal_value(const struct decimal *decimal, int64_t *ret_negated)
{
    int64_t value = 0;
    for (const char *at = decimal->first; at <= decimal->last; at++) {
        if (*at != '.' && !append_digit(&value, *at - '0')) {
            return false;
        }
    }
    for (int64_t i = 0; i < decimal->shift; i++) {
        if (!append_digit(&value, 0)) {
            return false;
        }
    }
    *ret_negated = value;
    return true;
}

enum err json_to_i64(struct slice number, int64_t *ret_value)
{
    const uint8_t *start = (const uint8_t *)number.ptr;
    if (number.len == 0 || json_number_end(start, start + number.len) != start + number.len) {
        return ERR_BAD_REQUEST;
    }
    bool is_negative = number.ptr[0] == '-';
    struct decimal decimal = decimal_of(number.ptr + is_negative, number.ptr + number.len);
    int64_t negated = 0;
    if (decimal.last != NULL && (decimal.shift < 0 || !decimal_value(&decimal, &negated))) {
        return ERR_BAD_REQUEST;
    }
    if (!is_negative && __builtin_sub_overflow((int64_t)0, negated, &negated)) {
        return ERR_BAD_REQUEST;
    }
    *ret_value = negated;
    return ERR_OK;
}

/* In valid text each backslash begins an escape of a string. */
enum err json_scan_document(struct slice text, struct json_problem *ret_problem)
{
    const struct slice nul = SLICE("u0000");
    enum err err = json_scan(text, NULL, 0, ret_problem);
    for (size_t at = 0; err == ERR_OK && at < text.len; at++) {
        if (text.ptr[at] != '\\') {
            continue;
        }
        at++;
        if (slice_starts(slice_from(text, at), nul)) {
            *ret_problem = (struct json_problem){at - 1, "\\u0000 in a string", SLICE_NONE};
            err = ERR_BAD_JSON;
        }
    }
    return err;
}
