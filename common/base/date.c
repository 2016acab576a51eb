/* RFC 3339, part by part from the left; timegm() does the arithmetic. */
#include "base/date.h"

#include <time.h>

/* Cuts exactly `digits` decimal digits. */
static bool cut_number(struct slice *rest, size_t digits, int *ret_value)
{
    int value = 0;
    if (rest->len < digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        if (rest->ptr[i] < '0' || rest->ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (rest->ptr[i] - '0');
    }
    *rest = slice_from(*rest, digits);
    *ret_value = value;
    return true;
}

static bool cut_char(struct slice *rest, const char *allowed)
{
    bool is_there = rest->len > 0 && rest->ptr[0] != '\0' && strchr(allowed, rest->ptr[0]) != NULL;
    *rest = is_there ? slice_from(*rest, 1) : *rest;
    return is_there;
}

static bool cut_date(struct slice *rest, struct tm *tm)
{
    bool is_ok = cut_number(rest, 4, &tm->tm_year) && cut_char(rest, "-") &&
                 cut_number(rest, 2, &tm->tm_mon) && cut_char(rest, "-") &&
                 cut_number(rest, 2, &tm->tm_mday) && cut_char(rest, "Tt ") &&
                 cut_number(rest, 2, &tm->tm_hour) && cut_char(rest, ":") &&
                 cut_number(rest, 2, &tm->tm_min) && cut_char(rest, ":") &&
                 cut_number(rest, 2, &tm->tm_sec);
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return is_ok && tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

static bool cut_fraction(struct slice *rest, int *ret_ms)
{
    int ms = 0, digit;
    if (!cut_char(rest, ".")) {
        return true;
    }
    int weight = 100;
    bool is_ok = false;
    while (cut_number(rest, 1, &digit)) {
        ms += digit * weight;
        weight /= 10;
        is_ok = true;
    }
    *ret_ms = ms;
    return is_ok;
}

static bool cut_offset(struct slice *rest, int *ret_minutes)
{
    if (cut_char(rest, "Zz")) {
        return true;
    }
    int hours, minutes, sign = rest->len > 0 && rest->ptr[0] == '-' ? -1 : 1;
    if (!cut_char(rest, "+-") || !cut_number(rest, 2, &hours) || !cut_char(rest, ":") ||
        !cut_number(rest, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

enum err date_parse(struct slice text, int64_t *ret_ms)
{
    struct tm tm = {0};
    int ms = 0, offset_minutes = 0;
    if (!cut_date(&text, &tm) || !cut_fraction(&text, &ms) || !cut_offset(&text, &offset_minutes) ||
        text.len > 0) {
        return ERR_BAD_REQUEST;
    }
    struct tm given = tm;
    int64_t seconds = timegm(&tm); /* normalizes: February 30 becomes March 2 */
    if (tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon) {
        return ERR_BAD_REQUEST;
    }
    *ret_ms = (seconds - (int64_t)offset_minutes * 60) * 1000 + ms;
    return ERR_OK;
}
