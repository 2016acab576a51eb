/* Fuzzes the JSON functions against a second, plainly written recursive reader and against each
 * other. Whatever the bytes are:
 *   - json_check agrees with the reader, byte for byte of the grammar;
 *   - json_scan refuses more than json_check only for another type or for keys that decode alike;
 *   - json_each hands out as many elements as the reader counts, and they join to the same array;
 *   - json_mend leaves JSON as it is, and what it returns is JSON;
 *   - json_unquote agrees with cJSON, json_to_i64 with strtod where a double is exact. */
#include <cjson/cJSON.h>
#include <math.h>

#include "base/json.h"

#define KEYS_MAX 64

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    unsigned depth;
    size_t elements; /* of the top array */
    size_t key_count;
    struct slice keys[KEYS_MAX]; /* of the top object, with quotes */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_value(struct reader *r);

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0') {
        r->at++;
    }
}

static bool take(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0) {
        return false;
    }
    r->at += len;
    return true;
}

static bool in_range(const struct reader *r, size_t i, unsigned low, unsigned high)
{
    return (size_t)(r->end - r->at) > i && r->at[i] >= low && r->at[i] <= high;
}

/* The table of well-formed sequences in the Unicode standard, row by row. */
static size_t utf8_len(const struct reader *r)
{
    static const uint8_t rows[][8] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const uint8_t *row = rows[i];
        if (in_range(r, 0, row[0], row[1]) && in_range(r, 1, row[2], row[3]) &&
            (row[4] < 3 || in_range(r, 2, 0x80, 0xbf)) &&
            (row[4] < 4 || in_range(r, 3, 0x80, 0xbf))) {
            return row[4];
        }
    }
    return 0;
}

static bool read_escape(struct reader *r)
{
    if (r->at == r->end) {
        return false;
    }
    uint8_t c = *r->at++;
    if (c != 'u') {
        return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
    }
    for (int i = 0; i < 4; i++, r->at++) {
        if (r->at == r->end || *r->at == '\0' || strchr("0123456789abcdefABCDEF", *r->at) == NULL) {
            return false;
        }
    }
    return true;
}

static bool read_string(struct reader *r)
{
    if (!take(r, "\"")) {
        return false;
    }
    while (r->at < r->end && *r->at != '"') {
        if (take(r, "\\")) {
            if (!read_escape(r)) {
                return false;
            }
            continue;
        }
        size_t len = *r->at >= 0x20 && *r->at < 0x80 ? 1 : utf8_len(r);
        if (len == 0) {
            return false;
        }
        r->at += len;
    }
    return take(r, "\"");
}

static bool read_digits(struct reader *r)
{
    const uint8_t *from = r->at;
    while (in_range(r, 0, '0', '9')) {
        r->at++;
    }
    return r->at > from;
}

static bool read_number(struct reader *r)
{
    (void)take(r, "-");
    if (!take(r, "0") && !read_digits(r)) {
        return false;
    }
    if (take(r, ".") && !read_digits(r)) {
        return false;
    }
    if (take(r, "e") || take(r, "E")) {
        (void)(take(r, "+") || take(r, "-"));
        return read_digits(r);
    }
    return true;
}

static bool read_key(struct reader *r)
{
    const uint8_t *from = r->at;
    bool is_ok = read_string(r);
    if (is_ok && r->depth == 1 && r->key_count < KEYS_MAX) {
        r->keys[r->key_count++] = (struct slice){(const char *)from, (size_t)(r->at - from)};
    }
    skip_blanks(r);
    return is_ok && take(r, ":");
}

static bool read_container(struct reader *r, const char *closer)
{
    bool is_object = closer[0] == '}';
    if (++r->depth > JSON_DEPTH_MAX) {
        return false;
    }
    skip_blanks(r);
    bool is_done = take(r, closer);
    while (!is_done) {
        skip_blanks(r);
        if ((is_object && !read_key(r)) || !read_value(r)) {
            return false;
        }
        r->elements += r->depth == 1;
        skip_blanks(r);
        is_done = take(r, closer);
        if (!is_done && !take(r, ",")) {
            return false;
        }
    }
    r->depth--;
    return true;
}

static bool read_value(struct reader *r)
{
    skip_blanks(r);
    if (take(r, "{")) {
        return read_container(r, "}");
    }
    if (take(r, "[")) {
        return read_container(r, "]");
    }
    if (take(r, "true") || take(r, "false") || take(r, "null")) {
        return true;
    }
    return in_range(r, 0, '"', '"') ? read_string(r) : read_number(r);
}

/* --- the properties --- */

static bool check_agrees(struct slice text, struct reader *r, enum json_type *ret_type)
{
    struct json_problem problem = {0};
    bool is_json = json_check(text, ret_type, &problem) == ERR_OK;
    bool is_read = read_value(r);
    skip_blanks(r);
    is_read = is_read && r->at == r->end;
    ensure(is_json == is_read);
    ensure(is_json || (problem.what != NULL && problem.offset <= text.len));
    return is_json;
}

/* Decoded, lone surrogates are all the same, so such keys are left out. */
static bool has_twins(const struct reader *r)
{
    bool has_some = false;
    for (size_t i = 0; i < r->key_count; i++) {
        for (size_t k = 0; k < i && !has_some; k++) {
            AUTO(buf_done)
            struct buf left = BUF_INIT;
            AUTO(buf_done)
            struct buf right = BUF_INIT;
            ensure(json_unquote(r->keys[i], &left) == ERR_OK);
            ensure(json_unquote(r->keys[k], &right) == ERR_OK);
            has_some = slice_eq(buf_slice(&left), buf_slice(&right)) &&
                       memmem(left.ptr ? left.ptr : "", left.len, "\xef\xbf\xbd", 3) == NULL;
        }
    }
    return has_some;
}

static bool has_replacement(struct slice text)
{
    return memmem(text.ptr, text.len, "\xef\xbf\xbd", 3) != NULL ||
           memmem(text.ptr, text.len, "\\u", 2) != NULL;
}

static void scan_agrees(struct slice text, const struct reader *r, bool is_object)
{
    struct json_member members[] = {{.name = "a"}, {.name = "input"}};
    struct json_problem problem = {0};
    enum err err = json_scan(text, members, COUNT_OF(members), &problem);
    ensure(is_object || err == ERR_BAD_JSON);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        ensure(members[i].value.len == 0 || json_check(members[i].value, NULL, NULL) == ERR_OK);
        ensure(members[i].value.len == 0 || err == ERR_OK);
    }
    if (!is_object || r->key_count == KEYS_MAX) {
        return;
    }
    ensure(err == ERR_OK || strcmp(problem.what, "duplicate key") == 0);
    if (has_twins(r)) {
        ensure(err == ERR_BAD_JSON);
    } else if (!has_replacement(text)) {
        ensure(err == ERR_OK);
    }
}

struct joined {
    struct buf text;
    size_t count;
};

static void join(struct slice element, void *arg)
{
    struct joined *joined = arg;
    ensure(json_check(element, NULL, NULL) == ERR_OK);
    (void)buf_put_char(&joined->text, joined->count++ > 0 ? ',' : '[');
    (void)buf_put_slice(&joined->text, element);
}

static void each_agrees(struct slice text, const struct reader *r, bool is_array)
{
    struct joined joined = {0};
    json_each(text, join, &joined);
    if (is_array) {
        ensure(joined.count == r->elements);
        (void)buf_put_str(&joined.text, joined.count > 0 ? "]" : "[]");
        ensure(json_check(buf_slice(&joined.text), NULL, NULL) == ERR_OK);
    }
    buf_done(&joined.text);
}

static void mend_agrees(struct slice text, bool is_json)
{
    AUTO(buf_done)
    struct buf out = BUF_INIT;
    enum err err = json_mend(text, &out);
    ensure(err == ERR_OK || (err == ERR_BAD_JSON && out.len == 0));
    if (err == ERR_OK) {
        ensure(json_check(buf_slice(&out), NULL, NULL) == ERR_OK);
    }
    if (is_json) {
        ensure(err == ERR_OK && slice_eq(buf_slice(&out), text));
    }
}

/* cJSON refuses lone surrogates and ends its text at U+0000; all else must be the same. */
static void unquote_agrees(struct slice text, bool is_string)
{
    AUTO(buf_done)
    struct buf out = BUF_INIT;
    bool is_decoded = json_unquote(text, &out) == ERR_OK;
    ensure(!is_decoded || is_string);
    cJSON *item = is_decoded ? cJSON_ParseWithLength(text.ptr, text.len) : NULL;
    if (item != NULL) {
        size_t len = strlen(item->valuestring);
        ensure(len <= out.len && (len == 0 || memcmp(out.ptr, item->valuestring, len) == 0));
        ensure(len == out.len || out.ptr[len] == '\0');
    } else if (is_decoded) {
        ensure(memmem(text.ptr, text.len, "\\u", 2) != NULL);
    }
    cJSON_Delete(item);
}

/* Numbers so short that a double holds them are whole exactly when the double is. */
static void to_i64_agrees(struct slice text, bool is_number)
{
    int64_t value = 0;
    bool is_whole = json_to_i64(text, &value) == ERR_OK;
    ensure(!is_whole || is_number);
    bool has_blanks = memchr(text.ptr, '\n', text.len) || memchr(text.ptr, ' ', text.len) ||
                      memchr(text.ptr, '\t', text.len) || memchr(text.ptr, '\r', text.len);
    char copy[16];
    if (!is_number || has_blanks || text.len >= sizeof(copy)) {
        return;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double number = strtod(copy, NULL);
    if (is_whole) {
        ensure((double)value == number);
    } else if (fabs(number) < 1e15 && fabs(number) > 1e-200) {
        ensure(number != floor(number));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct reader *r = xcalloc(1, sizeof(*r));
    r->at = data;
    r->end = data + size;
    enum json_type type = JSON_NULL;
    bool is_json = check_agrees(text, r, &type);
    scan_agrees(text, r, is_json && type == JSON_OBJECT);
    each_agrees(text, r, is_json && type == JSON_ARRAY);
    mend_agrees(text, is_json);
    unquote_agrees(text, is_json && type == JSON_STRING);
    to_i64_agrees(text, is_json && type == JSON_NUMBER);
    free(r);
    return 0;
}
