/* The scanner: skip_value() walks one value of any depth in one loop, without recursion. Its stack
 * holds for each open container the byte that closes it. Position moves forward only; each skip_x
 * takes the place where x begins and returns the place behind it, or NULL after fail().
 *
 *   json_check   one value, nothing behind it
 *   json_scan    the members of the top object, each value by skip_value()
 *   json_each    the elements of an array, likewise
 *
 * A failed scan leaves nothing behind: members asked for are empty then. */
#include "base/json.h"

#include "base/json_inner.h"

struct scan {
    const uint8_t *start;
    const uint8_t *end;
    struct json_problem problem;
};

static const uint8_t *skip_value(struct scan *scan, const uint8_t *at, unsigned depth_max);
static const uint8_t *skip_members(struct scan *scan, const uint8_t *at,
                                   struct json_member *members, size_t count);

static const uint8_t *fail(struct scan *scan, const uint8_t *at, const char *what)
{
    scan->problem.offset = (size_t)(at - scan->start);
    scan->problem.what = at == scan->end ? "the text ends too early" : what;
    return NULL;
}

static struct scan scan_of(struct slice text)
{
    const uint8_t *start = (const uint8_t *)(text.ptr ? text.ptr : "");
    return (struct scan){.start = start, .end = start + text.len};
}

static enum err scan_result(const struct scan *scan, const uint8_t *at,
                            struct json_problem *ret_problem)
{
    if (at == NULL && ret_problem != NULL) {
        *ret_problem = scan->problem;
    }
    return at == NULL ? ERR_BAD_JSON : ERR_OK;
}

/* Nothing but blanks may follow. */
static const uint8_t *skip_rest(struct scan *scan, const uint8_t *at)
{
    at = json_skip_space(at, scan->end);
    return at == scan->end ? at : fail(scan, at, "more text after the value");
}

static enum json_type type_of(uint8_t first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

enum err json_check(struct slice text, enum json_type *ret_type, struct json_problem *ret_problem)
{
    struct scan scan = scan_of(text);
    const uint8_t *first = json_skip_space(scan.start, scan.end);
    const uint8_t *at = skip_value(&scan, first, JSON_DEPTH_MAX);
    if (at != NULL) {
        at = skip_rest(&scan, at);
    }
    if (at != NULL && ret_type != NULL) {
        *ret_type = type_of(*first);
    }
    return scan_result(&scan, at, ret_problem);
}

static void clear_members(struct json_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        members[i].value = SLICE_NONE;
    }
}

enum err json_scan(struct slice text, struct json_member *members, size_t count,
                   struct json_problem *ret_problem)
{
    struct scan scan = scan_of(text);
    clear_members(members, count);
    const uint8_t *at = json_skip_space(scan.start, scan.end);
    if (at < scan.end && *at == '{') {
        at = skip_members(&scan, at, members, count);
    } else {
        at = fail(&scan, at, "not an object");
    }
    if (at != NULL) {
        at = skip_rest(&scan, at);
    }
    if (at == NULL) {
        clear_members(members, count);
    }
    return scan_result(&scan, at, ret_problem);
}

void json_each(struct slice array, json_element_fn fn, void *arg)
{
    struct scan scan = scan_of(array);
    const uint8_t *at = json_skip_space(scan.start, scan.end);
    if (at == scan.end || *at != '[') {
        return;
    }
    at = json_skip_space(at + 1, scan.end);
    bool is_open = at < scan.end && *at != ']';
    while (is_open) {
        const uint8_t *from = json_skip_space(at, scan.end);
        at = skip_value(&scan, from, JSON_DEPTH_MAX);
        if (at == NULL) {
            return;
        }
        fn((struct slice){(const char *)from, (size_t)(at - from)}, arg);
        at = json_skip_space(at, scan.end);
        is_open = at < scan.end && *at == ',';
        at += is_open;
    }
}

/* --- strings --- */

static bool is_hex(uint8_t c)
{
    return json_is_digit(c) || (uint8_t)((c | 0x20) - 'a') < 6;
}

/* at: the backslash, and stays there when the escape is not valid. */
static const uint8_t *skip_escape(const uint8_t *at, const uint8_t *end)
{
    static const bool is_short[256] = {['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
                                       ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true};
    if (end - at >= 2 && is_short[at[1]]) {
        return at + 2;
    }
    bool is_unicode = end - at >= 6 && at[1] == 'u' && is_hex(at[2]) && is_hex(at[3]) &&
                      is_hex(at[4]) && is_hex(at[5]);
    return is_unicode ? at + 6 : at;
}

/* at: a byte that is not plain. Text in other scripts has many of them in a row. Stays at a byte
 * that is wrong. */
static const uint8_t *skip_special(const uint8_t *at, const uint8_t *end)
{
    if (*at == '\\') {
        return skip_escape(at, end);
    }
    at = json_skip_threes(at, end);
    while (at < end && *at >= 0x80) {
        const uint8_t *after = json_skip_utf8(at, end);
        if (after == NULL) {
            break;
        }
        at = after;
    }
    return at;
}

/* Stops at the closing quote, the end, or the byte that is wrong. */
static inline const uint8_t *string_stop(const uint8_t *at, const uint8_t *end)
{
    for (;;) {
        at = json_skip_plain(at, end);
        if (at == end || *at == '"') {
            return at;
        }
        const uint8_t *after = skip_special(at, end);
        if (after == at) {
            return at;
        }
        at = after;
    }
}

static const uint8_t *fail_string(struct scan *scan, const uint8_t *at)
{
    if (at < scan->end && *at == '\\') {
        return fail(scan, at, "invalid escape in a string");
    }
    if (at < scan->end && *at >= 0x80) {
        return fail(scan, at, "invalid UTF-8 in a string");
    }
    return fail(scan, at, "control character in a string");
}

static inline const uint8_t *skip_string(struct scan *scan, const uint8_t *at)
{
    at = string_stop(at + 1, scan->end);
    return at < scan->end && *at == '"' ? at + 1 : fail_string(scan, at);
}

const uint8_t *json_string_end(const uint8_t *at, const uint8_t *end)
{
    if (at == end || *at != '"') {
        return NULL;
    }
    at = string_stop(at + 1, end);
    return at < end && *at == '"' ? at + 1 : NULL;
}

/* --- numbers and words --- */

/* At least one digit. */
static inline const uint8_t *some_digits(const uint8_t *at, const uint8_t *end)
{
    return at < end && json_is_digit(*at) ? json_skip_digits(at, end) : NULL;
}

static inline const uint8_t *exponent_end(const uint8_t *at, const uint8_t *end)
{
    at++;
    if (at < end && (*at == '+' || *at == '-')) {
        at++;
    }
    return some_digits(at, end);
}

static inline const uint8_t *number_end(const uint8_t *at, const uint8_t *end)
{
    at += at < end && *at == '-';
    at = at < end && *at == '0' ? at + 1 : some_digits(at, end);
    if (at != NULL && at < end && *at == '.') {
        at = some_digits(at + 1, end);
    }
    if (at != NULL && at < end && (*at == 'e' || *at == 'E')) {
        at = exponent_end(at, end);
    }
    return at;
}

const uint8_t *json_number_end(const uint8_t *at, const uint8_t *end)
{
    return number_end(at, end);
}

static inline const uint8_t *skip_word(struct scan *scan, const uint8_t *at, struct slice word)
{
    bool is_there = (size_t)(scan->end - at) >= word.len && memcmp(at, word.ptr, word.len) == 0;
    return is_there ? at + word.len : fail(scan, at, "a value is expected");
}

static inline const uint8_t *skip_number(struct scan *scan, const uint8_t *at)
{
    const uint8_t *after = number_end(at, scan->end);
    return after != NULL ? after : fail(scan, at, "invalid number");
}

static inline const uint8_t *skip_scalar(struct scan *scan, const uint8_t *at)
{
    if (at == scan->end) {
        return fail(scan, at, "");
    }
    if (*at == '"') {
        return skip_string(scan, at);
    }
    if (json_is_digit(*at) || *at == '-') {
        return skip_number(scan, at);
    }
    if (*at == 't') {
        return skip_word(scan, at, SLICE("true"));
    }
    if (*at == 'f') {
        return skip_word(scan, at, SLICE("false"));
    }
    return skip_word(scan, at, SLICE("null"));
}

/* --- containers --- */

static inline const uint8_t *skip_key(struct scan *scan, const uint8_t *at)
{
    if (at == scan->end || *at != '"') {
        return fail(scan, at, "a key in quotes is expected");
    }
    return skip_string(scan, at);
}

/* Returns where the value begins. */
static inline const uint8_t *skip_colon(struct scan *scan, const uint8_t *at)
{
    at = json_skip_space(at, scan->end);
    if (at == scan->end || *at != ':') {
        return fail(scan, at, "':' is expected after a key");
    }
    return json_skip_space(at + 1, scan->end);
}

/* To the first or next value of the container that `closer` closes. */
static inline const uint8_t *skip_to_value(struct scan *scan, const uint8_t *at, uint8_t closer)
{
    if (closer == ']') {
        return at;
    }
    at = skip_key(scan, at);
    return at != NULL ? skip_colon(scan, at) : NULL;
}

/* Behind a value: closes containers until a comma leads to another value. */
static inline const uint8_t *skip_closers(struct scan *scan, const uint8_t *at,
                                          const uint8_t *closers, unsigned *depth)
{
    while (*depth > 0) {
        uint8_t closer = closers[*depth - 1];
        at = json_skip_space(at, scan->end);
        if (at < scan->end && *at == ',') {
            return skip_to_value(scan, json_skip_space(at + 1, scan->end), closer);
        }
        if (at == scan->end || *at != closer) {
            return fail(scan, at,
                        closer == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
        }
        *depth -= 1;
        at++;
    }
    return at;
}

static const uint8_t *skip_value(struct scan *scan, const uint8_t *at, unsigned depth_max)
{
    uint8_t closers[JSON_DEPTH_MAX];
    unsigned depth = 0;
    do {
        if (at < scan->end && (*at == '{' || *at == '[')) {
            if (depth == depth_max) {
                return fail(scan, at, "nested too deeply");
            }
            uint8_t closer = (uint8_t)(*at + 2); /* '{' + 2 is '}', '[' + 2 is ']' */
            closers[depth++] = closer;
            at = json_skip_space(at + 1, scan->end);
            if (at == scan->end || *at != closer) {
                at = skip_to_value(scan, at, closer);
                continue;
            }
        } else {
            at = skip_scalar(scan, at);
        }
        if (at != NULL) {
            at = skip_closers(scan, at, closers, &depth);
        }
    } while (at != NULL && depth > 0);
    return at;
}

/* --- the top object --- */

static void fill_member(struct json_member *members, size_t count, struct slice key,
                        struct slice value)
{
    for (size_t i = 0; i < count; i++) {
        if (json_key_is(key, members[i].name)) {
            members[i].value = value;
            members[i].type = type_of((uint8_t)value.ptr[0]);
        }
    }
}

static const uint8_t *fail_duplicate(struct scan *scan, struct slice key)
{
    (void)fail(scan, (const uint8_t *)key.ptr, "duplicate key");
    scan->problem.key = (struct slice){key.ptr + 1, key.len - 2};
    return NULL;
}

/* at: where the member begins; returns where it ends. */
static const uint8_t *skip_member(struct scan *scan, const uint8_t *at, struct slice *ret_key,
                                  struct slice *ret_value)
{
    const uint8_t *key_end = skip_key(scan, at);
    const uint8_t *value = key_end != NULL ? skip_colon(scan, key_end) : NULL;
    const uint8_t *value_end = value != NULL ? skip_value(scan, value, JSON_DEPTH_MAX - 1) : NULL;
    if (value_end != NULL) {
        *ret_key = (struct slice){(const char *)at, (size_t)(key_end - at)};
        *ret_value = (struct slice){(const char *)value, (size_t)(value_end - value)};
    }
    return value_end;
}

/* at: the opening brace. */
static const uint8_t *skip_members(struct scan *scan, const uint8_t *at,
                                   struct json_member *members, size_t count)
{
    AUTO(json_keys_done)
    struct json_keys keys;
    json_keys_init(&keys,
                   (struct slice){(const char *)scan->start, (size_t)(scan->end - scan->start)});
    at = json_skip_space(at + 1, scan->end);
    bool is_open = at == scan->end || *at != '}';
    while (is_open) {
        struct slice key;
        struct slice value;
        at = skip_member(scan, at, &key, &value);
        if (at == NULL) {
            return NULL;
        }
        if (!json_keys_add(&keys, key)) {
            return fail_duplicate(scan, key);
        }
        fill_member(members, count, key, value);
        at = json_skip_space(at, scan->end);
        is_open = at < scan->end && *at == ',';
        at = is_open ? json_skip_space(at + 1, scan->end) : at;
    }
    return at < scan->end && *at == '}' ? at + 1 : fail(scan, at, "',' or '}' is expected");
}
