/* Private to json*.c and buf.c: the tight loops over the bytes of JSON text. Each one returns where
 * the run it skips ends, at most `end`. With SSE2 they look at 16 bytes at once, else at 8 in a
 * word (or one by one); JSON_PORTABLE forces the latter for the tests. */
#ifndef BASE_JSON_BYTES_H
#define BASE_JSON_BYTES_H

#include "base/slice.h"

#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#define JSON_SSE2
#include <emmintrin.h>
#endif

static inline bool json_is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline bool json_is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') < 10;
}

/* ASCII that stands for itself in a string. */
static inline bool json_is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#ifdef JSON_SSE2

/* Bit i is set when byte i ends a plain run. As signed bytes 0x80 to 0xff are below 0x20 too. */
static inline unsigned json_not_plain_16(const uint8_t *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i is_quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i is_backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i is_outside = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    __m128i is_end = _mm_or_si128(_mm_or_si128(is_quote, is_backslash), is_outside);
    return (unsigned)_mm_movemask_epi8(is_end);
}

static inline unsigned json_not_space_16(const uint8_t *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i is_blank = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')));
    __m128i is_line = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')),
                                   _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')));
    return ~(unsigned)_mm_movemask_epi8(_mm_or_si128(is_blank, is_line)) & 0xffff;
}

static inline unsigned json_not_digit_16(const uint8_t *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i value = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
    return ~(unsigned)_mm_movemask_epi8(is_digit) & 0xffff;
}

#define JSON_SKIP_16(at, end, ends)             \
    while ((end) - (at) >= 16) {                \
        unsigned ends_ = ends(at);              \
        if (ends_ != 0) {                       \
            return (at) + __builtin_ctz(ends_); \
        }                                       \
        (at) += 16;                             \
    }

#else

#define JSON_EACH_BYTE UINT64_C(0x0101010101010101)
#define JSON_TOP_BITS (JSON_EACH_BYTE * 0x80)

/* Exact for "none": the top bit of a byte is set when it is below 0x20, '"', '\\' or not ASCII; a
 * borrow may set more of them, so the place is found byte by byte. */
static inline bool json_is_plain_8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    uint64_t quote = word ^ (JSON_EACH_BYTE * '"');
    uint64_t backslash = word ^ (JSON_EACH_BYTE * '\\');
    uint64_t ends = word | (word - JSON_EACH_BYTE * 0x20) | (quote - JSON_EACH_BYTE) |
                    (backslash - JSON_EACH_BYTE);
    return (ends & JSON_TOP_BITS) == 0;
}

#endif

static inline const uint8_t *json_skip_plain(const uint8_t *at, const uint8_t *end)
{
#ifdef JSON_SSE2
    JSON_SKIP_16(at, end, json_not_plain_16)
#else
    while (end - at >= 8 && json_is_plain_8(at)) {
        at += 8;
    }
#endif
    while (at < end && json_is_plain(*at)) {
        at++;
    }
    return at;
}

/* Two steps by hand first: between tokens there is mostly nothing or one blank. */
static inline const uint8_t *json_skip_space(const uint8_t *at, const uint8_t *end)
{
    if (at == end || *at > ' ') {
        return at;
    }
    at += json_is_space(*at);
    if (at == end || *at > ' ') {
        return at;
    }
#ifdef JSON_SSE2
    JSON_SKIP_16(at, end, json_not_space_16)
#endif
    while (at < end && json_is_space(*at)) {
        at++;
    }
    return at;
}

static inline const uint8_t *json_skip_digits(const uint8_t *at, const uint8_t *end)
{
#ifdef JSON_SSE2
    JSON_SKIP_16(at, end, json_not_digit_16)
#endif
    while (at < end && json_is_digit(*at)) {
        at++;
    }
    return at;
}

static inline bool json_is_continuation(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* Sequences of three bytes whose first byte excludes overlong forms and surrogates: most text that
 * is neither Latin, Greek, Cyrillic, Hebrew nor Arabic. A loop of its own three times as fast. */
static inline const uint8_t *json_skip_threes(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 3 && at[0] > 0xe0 && at[0] < 0xf0 && at[0] != 0xed &&
           json_is_continuation(at[1]) && json_is_continuation(at[2])) {
        at += 3;
    }
    return at;
}

/* One UTF-8 sequence of two bytes or more. NULL when it is cut, overlong, a surrogate or above
 * U+10FFFF. */
static inline const uint8_t *json_skip_utf8(const uint8_t *at, const uint8_t *end)
{
    size_t left = (size_t)(end - at);
    if (at[0] < 0xe0) {
        return at[0] >= 0xc2 && left >= 2 && json_is_continuation(at[1]) ? at + 2 : NULL;
    }
    if (left < 3 || !json_is_continuation(at[1]) || !json_is_continuation(at[2])) {
        return NULL;
    }
    if (at[0] < 0xf0) {
        bool is_overlong = at[0] == 0xe0 && at[1] < 0xa0;
        bool is_surrogate = at[0] == 0xed && at[1] >= 0xa0;
        return is_overlong || is_surrogate ? NULL : at + 3;
    }
    unsigned top = (unsigned)at[0] << 8 | at[1];
    bool is_in_range = top >= 0xf090 && top <= 0xf48f;
    return is_in_range && left >= 4 && json_is_continuation(at[3]) ? at + 4 : NULL;
}

#endif
