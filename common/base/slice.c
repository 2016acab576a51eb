/* Slice helpers that are too long for the header. */
#include "base/slice.h"

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Not strncasecmp(): that one stops at a zero byte and asks the locale. */
bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (a.ptr[i] != b.ptr[i] && to_lower(a.ptr[i]) != to_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice a)
{
    while (a.len > 0 && is_blank(a.ptr[0])) {
        a.ptr++;
        a.len--;
    }
    while (a.len > 0 && is_blank(a.ptr[a.len - 1])) {
        a.len--;
    }
    return a;
}

struct slice slice_cut(struct slice *rest, char separator)
{
    struct slice whole = *rest;
    const char *at = whole.len ? memchr(whole.ptr, separator, whole.len) : NULL;
    if (at == NULL) {
        *rest = SLICE_NONE;
        return whole;
    }
    size_t len = (size_t)(at - whole.ptr);
    *rest = slice_from(whole, len + 1);
    return (struct slice){whole.ptr, len};
}

#define DIGITS_SAFE 18 /* so many never overflow */

/* Accumulated negatively, so that the smallest value fits. */
static enum err add_digits(struct slice digits, int64_t *value)
{
    for (size_t i = 0; i < digits.len; i++) {
        int digit = digits.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_sub_overflow(*value, digit, value)) {
            return ERR_BAD_REQUEST;
        }
    }
    return ERR_OK;
}

static enum err digits_to_i64(struct slice digits, int64_t *ret_negative)
{
    int64_t value = 0;
    size_t safe = digits.len < DIGITS_SAFE ? digits.len : DIGITS_SAFE;
    for (size_t i = 0; i < safe; i++) {
        unsigned digit = (unsigned)(digits.ptr[i] - '0');
        if (digit > 9) {
            return ERR_BAD_REQUEST;
        }
        value = value * 10 - digit;
    }
    *ret_negative = value;
    return digits.len > 0 ? add_digits(slice_from(digits, safe), ret_negative) : ERR_BAD_REQUEST;
}

enum err slice_to_i64(struct slice a, int64_t *ret_value)
{
    bool is_negative = a.len > 0 && a.ptr[0] == '-';
    int64_t value;
    if (digits_to_i64(slice_from(a, is_negative ? 1 : 0), &value) != ERR_OK ||
        (!is_negative && __builtin_sub_overflow((int64_t)0, value, &value))) {
        return ERR_BAD_REQUEST;
    }
    *ret_value = value;
    return ERR_OK;
}

int64_t slice_to_i64_or(struct slice a, int64_t otherwise)
{
    int64_t value;
    return slice_to_i64(a, &value) == ERR_OK ? value : otherwise;
}
